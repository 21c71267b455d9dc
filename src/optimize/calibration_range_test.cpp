// SPDX-License-Identifier: Apache-2.0
// Ranges of known distributions.
#include "optimize/calibration_range.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace slimpilot {
namespace {

/// 1000 numbers in bins of width 1 from 0 to 10: 10 in the first and in the last bin, 122.5 on average in the others.
Histogram known_histogram() { return {{0, 10}, {10, 100, 100, 100, 290, 100, 90, 100, 100, 10}}; }

TEST(PercentileRange, CutsBothEnds) {
  const auto range = [](double percent) { return percentile_range(known_histogram(), percent); };
  EXPECT_EQ(range(100).low, 0);
  EXPECT_EQ(range(100).high, 10);
  EXPECT_EQ(range(99).low, 0) << "5 numbers may go at each end, but the bin holds 10";
  EXPECT_EQ(range(97.9).low, 1);
  EXPECT_EQ(range(97.9).high, 9);
  EXPECT_EQ(range(60).low, 2);
  EXPECT_EQ(range(60).high, 8);
}

TEST(PercentileRange, OfOneBinOrOneValueIsAllOfIt) {
  EXPECT_EQ(percentile_range({{3, 3}, {5, 0, 0, 0}}, 99).low, 3);
  EXPECT_EQ(percentile_range({{3, 3}, {5, 0, 0, 0}}, 99).high, 3);
}

/// One number in a million, far out, is clipped: its error is less than what 100 times finer steps gain.
TEST(LeastErrorRange, ClipsALonelyOutlier) {
  Histogram histogram{{0, 100}, std::vector<uint64_t>(4096)};
  for (size_t b = 0; b < 410; ++b) histogram.bins[b] = 1'000'000;
  histogram.bins.back() = 1;
  const ValueRange range = least_error_range(histogram);
  EXPECT_EQ(range.low, 0);
  EXPECT_GE(range.high, 9.9f);
  EXPECT_LE(range.high, 13);
}

TEST(LeastErrorRange, KeepsAnEvenSpread) {
  const ValueRange range = least_error_range({{-2, 6}, std::vector<uint64_t>(4096, 1000)});
  EXPECT_LE(range.low, -1.96f);
  EXPECT_GE(range.high, 5.9f);
}

/// A normal distribution's middle tells all but what a few in a thousand say: its tails go, the same on both sides.
TEST(LeastDivergenceRange, CutsThinTails) {
  Histogram histogram{{-8, 8}, std::vector<uint64_t>(4096)};
  for (size_t b = 0; b < 4096; ++b) {
    const double x = (static_cast<double>(b) + 0.5) / 256 - 8;
    histogram.bins[b] = static_cast<uint64_t>(1e6 * std::exp(-x * x / 2));
  }
  const ValueRange range = least_divergence_range(histogram);
  EXPECT_GE(range.high, 2.5f);
  EXPECT_LE(range.high, 6);
  EXPECT_NEAR(range.low, -range.high, 0.5f);
}

TEST(LeastDivergenceRange, KeepsAnEvenSpread) {
  const ValueRange range = least_divergence_range({{-2, 6}, std::vector<uint64_t>(4096, 1000)});
  EXPECT_LE(range.low, -1.96f);
  EXPECT_GE(range.high, 5.9f);
}

/// Half of what a ReLU layer yields is zero, which is exact in every range: the rest alone says what is kept.
TEST(LeastDivergenceRange, DoesNotCountZeros) {
  Histogram histogram{{0, 8}, std::vector<uint64_t>(4096)};
  for (size_t b = 0; b < 4096; ++b)
    histogram.bins[b] = static_cast<uint64_t>(1e6 * std::exp(-static_cast<double>(b * b) / (2 * 512 * 512)));
  const ValueRange without = least_divergence_range(histogram);
  histogram.bins[0] = 1'000'000'000;
  const ValueRange with = least_divergence_range(histogram);
  EXPECT_EQ(without.low, with.low);
  EXPECT_NEAR(without.high, with.high, 0.2f);
  EXPECT_LT(with.high, 6);
}

TEST(CalibrationMethods, ByName) {
  EXPECT_EQ(calibration_method("minmax"), CalibrationMethod::minmax);
  EXPECT_EQ(calibration_method("percentile"), CalibrationMethod::percentile);
  EXPECT_EQ(calibration_method("mse"), CalibrationMethod::mse);
  EXPECT_EQ(calibration_method("entropy"), CalibrationMethod::entropy);
  EXPECT_THROW(calibration_method("best"), Error);
}

}  // namespace
}  // namespace slimpilot
