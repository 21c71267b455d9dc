// SPDX-License-Identifier: Apache-2.0
// Quantization as loops over single elements, which the compiler vectorizes for the instruction set of the including file;
// every step is exact or correctly rounded, so all of them agree bit for bit. Anonymous: see kernel_args.h.
#pragma once

#include "engine/kernels/quantize/quantize.h"

namespace slimpilot {
namespace {

/// Nearest integer, halves away from zero; |x| < 2²³. What is added is the number below .5: with .5 itself the number below .5
/// would become 1, and a half still becomes the next integer, as the sum is rounded to even.
inline int32_t round_half_away(float x) { return static_cast<int32_t>(x + __builtin_copysignf(0x1.fffffep-2f, x)); }

/// x / scale without a division, which takes longer than all the rest: with the correctly rounded inverse, a product and one
/// step of correction give the correctly rounded quotient (Markstein 1990) where no number on the way is subnormal or infinite.
struct Quotient {
  float scale, inverse;

  explicit Quotient(float divisor) : scale(divisor), inverse(1 / divisor) {}
  static bool is_exact(float divisor) { return divisor > 1e-20f && divisor < 1e20f; }
  float operator()(float x) const {
    const float near = x * inverse;
    return __builtin_fmaf(__builtin_fmaf(-near, scale, x), inverse, near);
  }
};

struct Division {
  float scale;

  explicit Division(float divisor) : scale(divisor) {}
  float operator()(float x) const { return x / scale; }
};

/// Low and High are the type's limits; NaN becomes the least integer. Limiting first, to a step beyond the limits, vectorizes
/// and keeps what follows finite.
template <class T, int Low, int High, class Divide>
void quantize_by(const QuantizeArgs& a, const Io& io) {
  const auto* __restrict x = static_cast<const float*>(io.input[0]);
  auto* __restrict y = static_cast<T*>(io.output);
  const int32_t zero_point = a.zero_point;
  const float least = static_cast<float>(Low - 1 - zero_point) * a.scale,
              most = static_cast<float>(High + 1 - zero_point) * a.scale;
  const Divide divide(a.scale);
  const int64_t count = a.count;
  for (int64_t i = 0; i < count; ++i) {
    float inside = x[i] > least ? x[i] : least;
    inside = inside < most ? inside : most;
    int32_t rounded = round_half_away(divide(inside)) + zero_point;
    rounded = rounded > Low ? rounded : Low;
    y[i] = static_cast<T>(rounded < High ? rounded : High);
  }
}

template <class T, int Low, int High>
void quantize_real(const QuantizeArgs& a, const Io& io) noexcept {
  Quotient::is_exact(a.scale) ? quantize_by<T, Low, High, Quotient>(a, io) : quantize_by<T, Low, High, Division>(a, io);
}

template <class T>
void dequantize_integer(const QuantizeArgs& a, const Io& io) noexcept {
  const auto* x = static_cast<const T*>(io.input[0]);
  auto* y = static_cast<float*>(io.output);
  for (int64_t i = 0; i < a.count; ++i) y[i] = a.scale * static_cast<float>(x[i] - a.zero_point);
}

}  // namespace
}  // namespace slimpilot
