// SPDX-License-Identifier: Apache-2.0
// Element-wise kernels against numbers that LiteRT computed.
#include "engine/kernels/elementwise/elementwise.h"

#include <gtest/gtest.h>

namespace slimpilot {
namespace {

/// At inputs of 128·k and a scale of 1/6144, tanh is entry k of the interpolated table less 32768: entries 4, 29, 112 and 255
/// of LiteRT's are one above the rounded curve, 5 and 200 are not.
TEST(Elementwise, TanhS16EqualsLiteRt) {
  const int16_t input[] = {0, 128 * 4, 128 * 5, 128 * 29, 128 * 112, 128 * 200, -128 * 29, 128 * 4 + 64, 128 * 255 - 1};
  const int16_t expected[] = {0, 2725, 3401, 17696, 32158, 32752, -17696, 3063, 32767};
  int16_t output[9];
  reference::elementwise.tanh_s16({.count = 9, .multiplier = 16384, .shift = 13}, {{input, nullptr}, output, nullptr});
  for (size_t i = 0; i < 9; ++i) EXPECT_EQ(output[i], expected[i]) << "input " << input[i];
}

}  // namespace
}  // namespace slimpilot
