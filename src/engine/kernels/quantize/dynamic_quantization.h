// SPDX-License-Identifier: Apache-2.0
// Quantization on the fly for hybrid kernels (real activations, int8 weights): 16 bits with one symmetric scale for a whole
// tensor, multiplied as two planes of bytes. With 8 bits the activations' error would exceed the weights'.
// Static functions: see kernel_args.h.
#pragma once

#include <cstdint>

namespace slimpilot {

struct DynamicScale {
  float scale, inverse;
};

/// The scale that maps the greatest magnitude in [low, high] to 32767; 1 where nothing exceeds 1e-30.
[[maybe_unused]] static inline DynamicScale dynamic_scale(float low, float high) {
  const float magnitude = -low > high ? -low : high;
  if (!(magnitude > 1e-30f)) return {1, 1};  // below, the inverse would overflow
  return {magnitude / 32767, 32767 / magnitude};
}

/// The real number that the sums over upper (·256) and lower bytes stand for, in a fixed order of operations.
[[maybe_unused]] static inline float hybrid_result(int32_t upper, int32_t lower, float scale, float bias) {
  return (static_cast<float>(upper) * 256 + static_cast<float>(lower)) * scale + bias;
}

}  // namespace slimpilot
