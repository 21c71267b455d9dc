// SPDX-License-Identifier: Apache-2.0
// Quantization as loops over single elements, which the compiler vectorizes for the instruction set of the including file;
// every step is exact or correctly rounded, so all of them agree bit for bit. Anonymous: see kernel_args.h.
#pragma once

#include "engine/kernels/quantize/quantize.h"

namespace slimpilot {
namespace {

/// Nearest integer, halves away from zero; |x| < 2³¹. Written so that it vectorizes, unlike std::round.
inline int32_t round_half_away(float x) {
  const auto whole = static_cast<int32_t>(x);
  const float rest = x - static_cast<float>(whole);
  return whole + (rest >= 0.5f ? 1 : 0) - (rest <= -0.5f ? 1 : 0);
}

/// Low and High are the type's limits; NaN becomes the least integer. Limiting before rounding gives the same and vectorizes.
template <class T, int Low, int High>
void quantize_real(const QuantizeArgs& a, const Io& io) noexcept {
  const auto* __restrict x = static_cast<const float*>(io.input[0]);
  auto* __restrict y = static_cast<T*>(io.output);
  const int32_t zero_point = a.zero_point;
  const float scale = a.scale, low = static_cast<float>(Low - zero_point), high = static_cast<float>(High - zero_point);
  const int64_t count = a.count;
  for (int64_t i = 0; i < count; ++i) {
    float scaled = x[i] / scale;
    scaled = scaled > low ? scaled : low;
    scaled = scaled < high ? scaled : high;
    y[i] = static_cast<T>(round_half_away(scaled) + zero_point);
  }
}

template <class T>
void dequantize_integer(const QuantizeArgs& a, const Io& io) noexcept {
  const auto* x = static_cast<const T*>(io.input[0]);
  auto* y = static_cast<float*>(io.output);
  for (int64_t i = 0; i < a.count; ++i) y[i] = a.scale * static_cast<float>(x[i] - a.zero_point);
}

}  // namespace
}  // namespace slimpilot
