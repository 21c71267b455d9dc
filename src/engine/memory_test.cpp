// SPDX-License-Identifier: Apache-2.0
// Buffers that are in use at the same time never share a byte, for random lifetimes.
#include "engine/memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>

#include "base/random.h"

namespace slimpilot {
namespace {

bool meet(const Lifetime& a, const Lifetime& b) { return a.first <= b.last && b.first <= a.last; }

TEST(PackLifetimes, LiveBuffersNeverOverlap) {
  Random random(1);
  for (int trial = 0; trial < 500; ++trial) {
    std::vector<Lifetime> buffers(1 + random.below(40));
    for (Lifetime& b : buffers) {
      b.bytes = random.below(trial % 2 ? 200 : 100000);
      b.first = static_cast<int>(random.below(20)) - 1;
      b.last = b.first + static_cast<int>(random.below(6));
    }
    const size_t arena = pack_lifetimes(buffers);
    for (size_t i = 0; i < buffers.size(); ++i) {
      ASSERT_EQ(buffers[i].offset % 64, 0u);
      ASSERT_LE(buffers[i].offset + buffers[i].bytes + 64, arena) << "vectors may read 64 bytes on";
      for (size_t j = 0; j < i; ++j) {
        if (!meet(buffers[i], buffers[j])) continue;
        const auto& [low, high] =
            std::minmax(buffers[i], buffers[j], [](const Lifetime& a, const Lifetime& b) { return a.offset < b.offset; });
        ASSERT_LE(low.offset + low.bytes, high.offset) << trial;
      }
    }
  }
}

TEST(PackLifetimes, SharesPlaces) {
  std::vector<Lifetime> chain{{1024, 0, 1}, {1024, 1, 2}, {1024, 2, 3}, {1024, 3, 4}};
  EXPECT_EQ(pack_lifetimes(chain), 2u * (1024 + 64));
  std::vector<Lifetime> none;
  EXPECT_EQ(pack_lifetimes(none), 0u);
}

TEST(AlignedBytes, StartAtCacheLines) {
  for (const size_t bytes : {size_t{1}, size_t{64}, size_t{65}}) {
    const AlignedBytes memory = aligned_bytes(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.data()) % 64, 0u);
    EXPECT_EQ(memory.size(), (bytes + 63) / 64);
  }
}

TEST(AlignedBytes, LargeOnesBeginAtLargePagesAndAreZero) {
  constexpr size_t kPage = size_t{2} << 20;
  for (const size_t bytes : {kPage / 2, kPage - 1, kPage, 3 * kPage + 1}) {
    for (int again = 0; again < 2; ++again) {  // what was given back is no other's
      AlignedBytes memory = aligned_bytes(bytes);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.data()) % kPage, 0u) << bytes;
      const auto* data = reinterpret_cast<const std::byte*>(memory.data());
      EXPECT_TRUE(std::all_of(data, data + bytes, [](std::byte b) { return b == std::byte{0}; })) << bytes;
      std::memset(memory.data(), 255, memory.size() * sizeof(CacheLine));
    }
  }
  EXPECT_THROW(aligned_bytes(size_t{1} << 60), std::bad_alloc);
}

}  // namespace
}  // namespace slimpilot
