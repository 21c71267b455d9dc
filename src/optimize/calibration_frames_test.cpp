// SPDX-License-Identifier: Apache-2.0
// Which frames calibrate: the extremes are in, none twice, the same every time.
#include "optimize/calibration_frames.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/random.h"

namespace slimpilot {
namespace {

/// Mostly straight: the second output is large in few frames.
std::vector<std::vector<float>> drive(size_t frames) {
  Random random(5);
  std::vector<std::vector<float>> predictions;
  for (size_t i = 0; i < frames; ++i) {
    const double steering = random.uniform(-1, 1);
    predictions.push_back({static_cast<float>(random.uniform()), static_cast<float>(std::pow(steering, 9))});
  }
  return predictions;
}

TEST(CalibrationFrames, IncludeTheEnds) {
  const auto predictions = drive(1000);
  for (const size_t count : {size_t{8}, size_t{20}, size_t{100}}) {
    const auto chosen = choose_calibration_frames(predictions, count, 1);
    for (const size_t o : {size_t{0}, size_t{1}}) {
      const auto less = [&](const auto& a, const auto& b) { return a[o] < b[o]; };
      const auto [least, greatest] = std::minmax_element(predictions.begin(), predictions.end(), less);
      EXPECT_TRUE(std::binary_search(chosen.begin(), chosen.end(), static_cast<size_t>(least - predictions.begin())));
      EXPECT_TRUE(std::binary_search(chosen.begin(), chosen.end(), static_cast<size_t>(greatest - predictions.begin())));
    }
  }
}

TEST(CalibrationFrames, AreDistinctAndAsManyAsAsked) {
  const auto predictions = drive(300);
  for (const size_t count : {size_t{1}, size_t{2}, size_t{5}, size_t{100}, size_t{299}, size_t{300}, size_t{1000}}) {
    const auto chosen = choose_calibration_frames(predictions, count, 1);
    EXPECT_EQ(chosen.size(), std::min<size_t>(count, 300));
    EXPECT_EQ(std::set<size_t>(chosen.begin(), chosen.end()).size(), chosen.size());
    for (const size_t i : chosen) EXPECT_LT(i, 300u);
  }
}

/// A quarter of the frames is spread over each output, so the rare bends are seen: a random choice has 5 of 100 beyond ±½.
TEST(CalibrationFrames, AreSpreadOverTheRange) {
  const auto predictions = drive(2000);
  const auto bends = [&](const std::vector<size_t>& frames) {
    return std::count_if(frames.begin(), frames.end(), [&](size_t i) { return std::abs(predictions[i][1]) > .5f; });
  };
  EXPECT_GE(bends(choose_calibration_frames(predictions, 100, 1)), 12);
}

TEST(CalibrationFrames, MayBeStretches) {
  const auto predictions = drive(1003);
  const auto chosen = choose_calibration_frames(predictions, 100, 1, 5);
  ASSERT_EQ(chosen.size(), 100u);
  const std::set<size_t> frames(chosen.begin(), chosen.end());
  std::set<size_t> stretches;
  for (const size_t i : chosen) stretches.insert(i / 5);
  for (const size_t s : stretches)
    for (size_t i = 5 * s; i < std::min<size_t>(5 * s + 5, 1003); ++i) EXPECT_TRUE(frames.contains(i) || i > *frames.rbegin());
  for (const size_t o : {size_t{0}, size_t{1}}) {
    const auto less = [&](const auto& a, const auto& b) { return a[o] < b[o]; };
    const auto [least, greatest] = std::minmax_element(predictions.begin(), predictions.end(), less);
    EXPECT_TRUE(frames.contains(static_cast<size_t>(least - predictions.begin())));
    EXPECT_TRUE(frames.contains(static_cast<size_t>(greatest - predictions.begin())));
  }
  EXPECT_EQ(choose_calibration_frames(predictions, 7, 1, 5).size(), 7u);
  EXPECT_EQ(choose_calibration_frames(drive(3), 100, 1, 5).size(), 3u);
}

TEST(CalibrationFrames, FollowTheSeed) {
  const auto predictions = drive(500);
  EXPECT_EQ(choose_calibration_frames(predictions, 50, 1), choose_calibration_frames(predictions, 50, 1));
  EXPECT_NE(choose_calibration_frames(predictions, 50, 1), choose_calibration_frames(predictions, 50, 2));
}

TEST(CalibrationFrames, OfNothingAndOfEqualFrames) {
  EXPECT_TRUE(choose_calibration_frames({}, 10, 1).empty());
  EXPECT_TRUE(choose_calibration_frames(drive(10), 0, 1).empty());
  EXPECT_EQ(choose_calibration_frames(std::vector<std::vector<float>>(40, {0, 0}), 10, 1).size(), 10u);
}

}  // namespace
}  // namespace slimpilot
