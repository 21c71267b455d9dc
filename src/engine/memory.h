// SPDX-License-Identifier: Apache-2.0
// Memory of plans and sessions: where it comes from, and one arena for all buffers of a plan, of which those whose lifetimes do
// not meet share places.
#pragma once

#include <cstddef>
#include <vector>

namespace slimpilot {

struct alignas(64) CacheLine {
  std::byte bytes[64];
};
/// From 1 MiB on memory begins at a large page (2 MiB) and the system is asked to use such pages: neither the processor's
/// requests ahead nor its table of addresses end every 4 KiB then. A system that has none uses small ones.
void* allocate_pages(size_t bytes);
void free_pages(void* memory, size_t bytes) noexcept;

template <class T>
struct PageAllocator {
  using value_type = T;
  T* allocate(size_t count) { return static_cast<T*>(allocate_pages(count * sizeof(T))); }
  void deallocate(T* memory, size_t count) noexcept { free_pages(memory, count * sizeof(T)); }
  bool operator==(const PageAllocator&) const = default;
};
/// Memory at a cache line's start.
using AlignedBytes = std::vector<CacheLine, PageAllocator<CacheLine>>;
inline AlignedBytes aligned_bytes(size_t bytes) { return AlignedBytes((bytes + 63) / 64); }

/// A buffer that is in use from step `first` to step `last`, both included.
struct Lifetime {
  size_t bytes;
  int first, last;
  size_t offset = 0;  // result
};

/// What a buffer takes of the arena: cache lines, and 64 bytes behind it that vectors may read.
constexpr size_t buffer_extent(size_t bytes) { return (bytes + 63) / 64 * 64 + 64; }

/// Sets every offset (a multiple of 64), largest buffers first into the lowest gap that fits; returns the arena's size. Behind
/// each buffer stay at least 64 bytes that vectors may read.
size_t pack_lifetimes(std::vector<Lifetime>& buffers);

}  // namespace slimpilot
