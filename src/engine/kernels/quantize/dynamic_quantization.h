// SPDX-License-Identifier: Apache-2.0
// Quantization on the fly for hybrid kernels (real activations, int8 weights): 8 bits with one scale and zero point for a whole
// tensor, as TensorFlow Lite does for `asymmetric_quantize_inputs`. Static functions: see kernel_args.h.
#pragma once

#include <cstdint>

namespace slimpilot {

/// real = scale·(quantized − zero), quantized and zero in 0…255.
struct DynamicScale {
  float scale, inverse;
  int32_t zero;
};

/// The scale that spreads [low, high], widened to hold 0, over 0…255; 1 where the range is not above 1e-30.
[[maybe_unused]] static inline DynamicScale dynamic_scale(float low, float high) {
  const float least = low < 0 ? low : 0, range = (high > 0 ? high : 0) - least;
  if (!(range > 1e-30f)) return {1, 1, 0};  // below, the inverse would overflow
  // As int8, where LiteRT rounds halves away from zero.
  const double zero = static_cast<double>(-least) * 255 / static_cast<double>(range) - 128;
  const float scale = range / 255;
  return {scale, 1 / scale, 128 + static_cast<int32_t>(zero + (zero < 0 ? -0.5 : 0.5))};
}

/// Rounds halves away from zero; NaN becomes 0.
[[maybe_unused]] static inline int32_t dynamic_quantized(float x, const DynamicScale& q) {
  const float scaled = x * q.inverse;
  const float rounded = __builtin_truncf(scaled + (scaled < 0 ? -0.5f : 0.5f)) + static_cast<float>(q.zero);
  return static_cast<int32_t>(rounded > 0 ? (rounded < 255 ? rounded : 255) : 0);
}

}  // namespace slimpilot
