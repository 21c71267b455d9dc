// SPDX-License-Identifier: Apache-2.0
// Quantization as it is defined.
#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/kernels/fixed_point.h"
#include "engine/kernels/quantize/quantize.h"

namespace slimpilot::reference {
namespace {

template <class T>
void quantize_real(const QuantizeArgs& a, const Io& io) noexcept {
  const auto* x = static_cast<const float*>(io.input[0]);
  auto* y = static_cast<T*>(io.output);
  constexpr double low = std::numeric_limits<T>::min(), high = std::numeric_limits<T>::max();
  for (int64_t i = 0; i < a.count; ++i) {
    const double rounded = std::round(x[i] / a.scale) + static_cast<double>(a.zero_point);
    y[i] = static_cast<T>(std::isnan(rounded) ? low : std::clamp(rounded, low, high));
  }
}

template <class T>
void dequantize_integer(const QuantizeArgs& a, const Io& io) noexcept {
  const auto* x = static_cast<const T*>(io.input[0]);
  auto* y = static_cast<float*>(io.output);
  for (int64_t i = 0; i < a.count; ++i) y[i] = a.scale * static_cast<float>(x[i] - a.zero_point);
}

template <class T>
void requantize(const RequantizeArgs& a, const Io& io) noexcept {
  const auto* x = static_cast<const T*>(io.input[0]);
  auto* y = static_cast<T*>(io.output);
  constexpr int32_t low = std::numeric_limits<T>::min(), high = std::numeric_limits<T>::max();
  for (int64_t i = 0; i < a.count; ++i)
    y[i] = static_cast<T>(limit(rescale(x[i] - a.input_zero_point, a.multiplier, a.shift) + a.output_zero_point, low, high));
}

}  // namespace

const QuantizeKernels quantize = {
    .f32_to_s8 = quantize_real<int8_t>,
    .f32_to_s16 = quantize_real<int16_t>,
    .s8_to_f32 = dequantize_integer<int8_t>,
    .s16_to_f32 = dequantize_integer<int16_t>,
    .s8_to_s8 = requantize<int8_t>,
    .s16_to_s16 = requantize<int16_t>,
};

}  // namespace slimpilot::reference
