// SPDX-License-Identifier: Apache-2.0
// Packs buffers into one arena, greedily by size.
#include "engine/memory.h"

#include <algorithm>
#include <numeric>

namespace slimpilot {

size_t pack_lifetimes(std::vector<Lifetime>& buffers) {
  std::vector<size_t> by_size(buffers.size());
  std::iota(by_size.begin(), by_size.end(), size_t{0});
  std::stable_sort(by_size.begin(), by_size.end(), [&](size_t a, size_t b) { return buffers[a].bytes > buffers[b].bytes; });
  const auto extent = [](const Lifetime& b) { return buffer_extent(b.bytes); };
  std::vector<const Lifetime*> placed;  // by offset
  size_t arena = 0;
  for (const size_t index : by_size) {
    Lifetime& buffer = buffers[index];
    size_t offset = 0;
    for (const Lifetime* other : placed) {
      const bool meets = other->first <= buffer.last && buffer.first <= other->last;
      if (!meets) continue;
      if (offset + extent(buffer) <= other->offset) break;
      offset = std::max(offset, other->offset + extent(*other));
    }
    buffer.offset = offset;
    arena = std::max(arena, offset + extent(buffer));
    const auto place = std::upper_bound(placed.begin(), placed.end(), offset,
                                        [](size_t value, const Lifetime* other) { return value < other->offset; });
    placed.insert(place, &buffer);
  }
  return arena;
}

}  // namespace slimpilot
