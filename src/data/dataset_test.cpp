// SPDX-License-Identifier: Apache-2.0
// Which frames a network with state is shown.
#include "data/dataset.h"

#include <gtest/gtest.h>

namespace slimpilot {
namespace {

/// "0/3! 0/4(1)": frame 3 of recording 0 after forgetting, then frame 4 of it, which counts as the second asked for.
std::string text(const std::vector<ShownFrame>& frames) {
  std::string all;
  for (const ShownFrame& f : frames)
    all += (all.empty() ? "" : " ") + std::to_string(f.id.recording) + "/" + std::to_string(f.id.frame) +
           (f.is_first ? "!" : "") + (f.counts ? "(" + std::to_string(f.index) + ")" : "");
  return all;
}

TEST(ShownFrames, AloneAreThoseAskedFor) {
  EXPECT_EQ(text(shown_frames({{0, 4}, {0, 5}, {0, 7}, {1, 8}}, 0)), "0/4!(0) 0/5(1) 0/7!(2) 1/8!(3)");
  EXPECT_EQ(text(shown_frames({}, 3)), "");
}

TEST(ShownFrames, ComeAfterThoseBefore) {
  EXPECT_EQ(text(shown_frames({{0, 4}, {0, 7}}, 2)), "0/2! 0/3 0/4(0) 0/5 0/6 0/7(1)");
  EXPECT_EQ(text(shown_frames({{0, 4}, {0, 8}}, 2)), "0/2! 0/3 0/4(0) 0/6! 0/7 0/8(1)") << "they forget what is too far away";
  EXPECT_EQ(text(shown_frames({{0, 1}, {1, 0}}, 2)), "0/0! 0/1(0) 1/0!(1)") << "a drive begins where it begins";
  EXPECT_EQ(text(shown_frames({{0, 1}, {0, 1}, {0, 0}}, 9)), "0/0! 0/1(0) 0/0! 0/1(1) 0/0!(2)") << "time does not run back";
}

TEST(ShownFrames, MayBeAllBefore) {
  EXPECT_EQ(text(shown_frames({{0, 2}, {0, 4}, {1, 1}}, kAllBefore)), "0/0! 0/1 0/2(0) 0/3 0/4(1) 1/0! 1/1(2)");
}

}  // namespace
}  // namespace slimpilot
