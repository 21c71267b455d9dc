// SPDX-License-Identifier: Apache-2.0
// The roundings of the fixed-point arithmetic where they differ.
#include "engine/kernels/fixed_point.h"

#include <gtest/gtest.h>

namespace slimpilot {
namespace {

TEST(FixedPoint, ConvolutionsRoundTwiceAndDenseLayersOnce) {
  // 1 · ¼: the first of two roundings makes it ½, which the second takes upwards.
  EXPECT_EQ(rescale(1, 1 << 30, -1), 1);
  EXPECT_EQ(rescale_once(1, 1 << 30, -1), 0);
  EXPECT_EQ(rescale(-3, 1 << 30, -1), -1);
  EXPECT_EQ(rescale_once(-3, 1 << 30, -1), -1);
}

TEST(FixedPoint, RescaleOnceTakesHalvesUpwards) {
  EXPECT_EQ(rescale_once(1, 1 << 30, 0), 1);
  EXPECT_EQ(rescale_once(-1, 1 << 30, 0), 0);
  EXPECT_EQ(rescale_once(3, 1 << 30, 3), 12);
}

}  // namespace
}  // namespace slimpilot
