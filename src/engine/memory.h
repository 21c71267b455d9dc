// SPDX-License-Identifier: Apache-2.0
// One arena for all buffers of a plan: buffers whose lifetimes do not meet share places.
#pragma once

#include <cstddef>
#include <vector>

namespace slimpilot {

struct alignas(64) CacheLine {
  std::byte bytes[64];
};
/// Memory at a cache line's start.
using AlignedBytes = std::vector<CacheLine>;
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
