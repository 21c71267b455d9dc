// SPDX-License-Identifier: Apache-2.0
// Rearranges weights for a kernel, once, when a plan is made.
#include "engine/kernels/packing.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace slimpilot {

std::vector<std::byte> pack_weights(std::span<const std::byte> weights, const WeightShape& shape, size_t element_size,
                                    const PackedLayout& layout) {
  check(weights.size() == static_cast<size_t>(shape.outputs) * shape.rows * shape.k * element_size);
  check(layout.max_block % layout.lanes == 0);
  const int groups = (shape.k + layout.group - 1) / layout.group;
  const size_t padded_k = static_cast<size_t>(groups) * layout.group;
  const size_t elements = round_up(shape.outputs, layout.lanes) * static_cast<size_t>(shape.rows) * padded_k;
  std::vector<std::byte> packed(elements * element_size + 64);
  std::byte* target = packed.data();
  for (int first = 0; first < shape.outputs; first += layout.max_block) {
    const int block = round_up(std::min(layout.max_block, shape.outputs - first), layout.lanes);
    for (int row = 0; row < shape.rows; ++row) {
      for (int k = 0; k < shape.k; k += layout.group) {
        const size_t count = static_cast<size_t>(std::min(layout.group, shape.k - k));
        for (int o = first; o < first + block; ++o, target += layout.group * element_size) {
          if (o >= shape.outputs) continue;
          const size_t source = (static_cast<size_t>(o) * shape.rows + row) * shape.k + k;
          std::memcpy(target, weights.data() + source * element_size, count * element_size);
        }
      }
    }
  }
  return packed;
}

}  // namespace slimpilot
