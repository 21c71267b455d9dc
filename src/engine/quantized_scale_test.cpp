// SPDX-License-Identifier: Apache-2.0
#include "engine/quantized_scale.h"

#include <gtest/gtest.h>

#include <vector>

namespace slimpilot {
namespace {

TEST(QuantizedScale, ShortRescalingNeedsSumsThatStaySmallWhenShifted) {
  const std::vector<int8_t> small(100, 127);  // 3,238,500 at most with inputs 255 from their zero point
  const auto fits = [](const std::vector<int8_t>& w, int32_t bias, int32_t shift) {
    return fits_short_rescale(w, std::vector{bias}, std::vector{shift}, 127);
  };
  EXPECT_TRUE(fits(small, 0, -22));
  EXPECT_FALSE(fits(small, 0, -23));
  EXPECT_TRUE(fits(small, 0, 8));
  EXPECT_FALSE(fits(small, 0, 9));
  EXPECT_FALSE(fits(small, 1 << 30, -1));
  EXPECT_FALSE(fits(small, INT32_MIN, -1));
  EXPECT_FALSE(fits(std::vector<int8_t>(1 << 20, 127), 0, 30)) << "2^35 shifted by 30 leaves 64 bits";
}

}  // namespace
}  // namespace slimpilot
