// SPDX-License-Identifier: Apache-2.0
// Summaries of numbers whose answers are known.
#include "base/stats.h"

#include <gtest/gtest.h>

#include <cmath>

namespace slimpilot {
namespace {

TEST(Stats, QuantilesInterpolate) {
  EXPECT_EQ(quantile({3, 1, 2}, 0), 1);
  EXPECT_EQ(quantile({3, 1, 2}, 1), 3);
  EXPECT_EQ(quantile({3, 1, 2}, .5), 2);
  EXPECT_DOUBLE_EQ(quantile({0, 10}, .25), 2.5);
  EXPECT_EQ(quantile({7}, .99), 7);
}

TEST(Stats, MeanOfNothingIsZero) {
  EXPECT_EQ(mean({}), 0);
  EXPECT_DOUBLE_EQ(mean({1, 2, 6}), 3);
}

TEST(Stats, Sqnr) {
  EXPECT_DOUBLE_EQ(sqnr_db(100, 1), 20);
  EXPECT_DOUBLE_EQ(sqnr_db(1, 1), 0);
  EXPECT_EQ(sqnr_db(1, 0), INFINITY);
  EXPECT_EQ(sqnr_db(0, 1), -INFINITY);
}

}  // namespace
}  // namespace slimpilot
