// SPDX-License-Identifier: Apache-2.0
// Rearranges weights for a kernel, once, when a plan is made.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "engine/kernels/kernel_args.h"

namespace slimpilot {

/// `value` rounded up to a multiple of `step`.
constexpr int round_up(int value, int step) { return (value + step - 1) / step * step; }

/// Weights [outputs][rows][k] of `element_size` bytes (1, 2 or 4) in the given layout; 64 readable bytes follow.
struct WeightShape {
  int outputs, rows, k;
};
std::vector<std::byte> pack_weights(std::span<const std::byte> weights, const WeightShape& shape, size_t element_size,
                                    const PackedLayout& layout);

}  // namespace slimpilot
