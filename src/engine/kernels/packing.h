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

/// Weights [outputs][rows][k] of `element_size` bytes (1, 2 or 4).
struct WeightShape {
  int outputs, rows, k;
};

/// Whether weights can be stored so and are clearly less to read or to compute than plain ones: half of them zero for a
/// bitmask, 40 % of four bytes each for marks, 60 % for slots (int8 in one row) and, in fours, for slots of four; at most 16
/// different ones per output for a codebook (int8).
bool suits(WeightStorage storage, std::span<const std::byte> weights, const WeightShape& shape, size_t element_size);

constexpr bool wants_zeros(WeightStorage storage) {
  return storage != WeightStorage::plain && storage != WeightStorage::codebook;
}

/// The weights in the given layout; 64 readable bytes follow. Slots and codebooks need weights that suit them.
std::vector<std::byte> pack_weights(std::span<const std::byte> weights, const WeightShape& shape, size_t element_size,
                                    const PackedLayout& layout);

}  // namespace slimpilot
