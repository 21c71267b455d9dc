// SPDX-License-Identifier: Apache-2.0
// Every index is worked on once, and exceptions arrive.
#include "base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>

#include "base/error.h"

namespace slimpilot {
namespace {

TEST(Parallel, EveryIndexOnce) {
  for (const size_t count : {size_t{0}, size_t{1}, size_t{2}, size_t{3}, size_t{7}, size_t{1000}}) {
    const auto visits = std::make_unique<std::atomic<int>[]>(count + 1);
    parallel_for(count, [&](size_t first, size_t last) {
      EXPECT_LE(first, last);
      for (size_t i = first; i < last; ++i) ++visits[i];
    });
    for (size_t i = 0; i < count; ++i) EXPECT_EQ(visits[i], 1) << i << " of " << count;
    EXPECT_EQ(visits[count], 0);
  }
}

/// Thrown by the last part, which runs on the caller's thread, by the first, and by all.
TEST(Parallel, ExceptionsPass) {
  constexpr size_t kCount = 100;
  for (const size_t at : {size_t{0}, kCount - 1}) {
    std::atomic<size_t> done = 0;
    const auto work = [&](size_t first, size_t last) {
      done += last - first;
      if (first <= at && at < last) throw Error("item " + std::to_string(at));
    };
    try {
      parallel_for(kCount, work);
      ADD_FAILURE() << "no exception";
    } catch (const Error& error) {
      EXPECT_EQ(error.what(), "item " + std::to_string(at));
    }
    EXPECT_EQ(done, kCount) << "the others go on to their end";
  }
  EXPECT_THROW(parallel_for(kCount, [](size_t, size_t) { throw Error("all"); }), Error);
}

}  // namespace
}  // namespace slimpilot
