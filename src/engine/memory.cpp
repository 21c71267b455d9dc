// SPDX-License-Identifier: Apache-2.0
// Large pages from the system; buffers packed into one arena, greedily by size.
#include "engine/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <new>
#include <numeric>

namespace slimpilot {
namespace {

constexpr size_t kLargePage = size_t{2} << 20, kLeastPages = kLargePage / 2;

size_t in_pages(size_t bytes) { return (bytes + kLargePage - 1) / kLargePage * kLargePage; }

}  // namespace

void* allocate_pages(size_t bytes) {
  if (bytes < kLeastPages) return ::operator new (bytes, std::align_val_t{sizeof(CacheLine)});
  // From the system itself, as what the C library gives may have been used, in small pages; and more, for its aligned part.
  bytes = in_pages(bytes);
  void* found = mmap(nullptr, bytes + kLargePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (found == MAP_FAILED) throw std::bad_alloc();
  auto* begin = static_cast<std::byte*>(found);
  const size_t before = (kLargePage - reinterpret_cast<uintptr_t>(begin) % kLargePage) % kLargePage;
  if (before > 0) munmap(begin, before);
  munmap(begin + before + bytes, kLargePage - before);
  madvise(begin + before, bytes, MADV_HUGEPAGE);  // a wish: what it does to speed is all it does
  return begin + before;
}

void free_pages(void* memory, size_t bytes) noexcept {
  if (bytes < kLeastPages)
    ::operator delete (memory, std::align_val_t{sizeof(CacheLine)});
  else
    munmap(memory, in_pages(bytes));
}

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
