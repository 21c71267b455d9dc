// SPDX-License-Identifier: Apache-2.0
// Quantization on the fly for hybrid kernels: one asymmetric 8-bit scale for a whole activation tensor, from its own range.
// Static functions: see kernel_args.h.
#pragma once

#include <cstdint>

namespace slimpilot {

struct DynamicScale {
  float scale, inverse;
  int32_t zero_point;
};

/// The scale that maps [min(0, low), max(0, high)] to −128…127 with an exact zero. All-zero inputs get scale 1.
[[maybe_unused]] static inline DynamicScale dynamic_scale(float low, float high) {
  low = low < 0 ? low : 0;
  high = high > 0 ? high : 0;
  if (low == high) return {1, 1, 0};
  const float scale = (high - low) / 255;
  const float zero = -128 - low / scale;  // in −128…127
  return {scale, 1 / scale, static_cast<int32_t>(zero + (zero < 0 ? -0.5f : 0.5f))};
}

}  // namespace slimpilot
