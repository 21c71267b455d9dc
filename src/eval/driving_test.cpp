// SPDX-License-Identifier: Apache-2.0
// Behavior Metrics' numbers on paths whose results follow by hand.
#include "eval/driving.h"

#include <gtest/gtest.h>

#include <cmath>

namespace slimpilot {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kRadius = 50;

/// A circle of kRadius + outwards in `points` points, counter-clockwise from angle 0.
std::vector<Point> circle(int points, double outwards = 0) {
  std::vector<Point> line;
  for (int i = 0; i < points; ++i) {
    const double a = 2 * kPi * i / points;
    line.push_back({(kRadius + outwards) * std::cos(a), (kRadius + outwards) * std::sin(a)});
  }
  return line;
}

const std::vector<Point> kLap = circle(628);  // 0.5 m apart

/// Drives `share` of a lap at 10 m/s, `outwards` beside the line; a negative share drives clockwise.
Episode drive(double share, double outwards = 0) {
  Episode e{.end = share >= 1 ? EpisodeEnd::lap : EpisodeEnd::timeout};
  const double radius = kRadius + outwards, length = std::abs(share) * 2 * kPi * radius, direction = share < 0 ? -1 : 1;
  for (int i = 0; i * 0.5 <= length; ++i) {
    const double a = direction * i * 0.5 / radius;
    e.odometry.push_back(
        {.time_s = i * 0.05, .pose = {{radius * std::cos(a), radius * std::sin(a)}, a + kPi / 2}, .lateral_m = -outwards});
    e.commands.push_back({10, 0.2});
  }
  e.cycle_s = 0.05;
  if (std::abs(share) > 1) e.lap_s = 2 * kPi * radius / 10;
  return e;
}

TEST(DrivingMetrics, OnTheLineIsPerfect) {
  const DrivingMetrics m = driving_metrics(drive(1.05), kLap, 1.5);
  EXPECT_NEAR(m.position_deviation_mae, 1, 0.01);
  EXPECT_NEAR(m.position_deviation_total_err, 628, 5);
  EXPECT_NEAR(m.completed_distance, 1.05 * 2 * kPi * kRadius, 0.6);
  EXPECT_NEAR(m.average_speed, 10, 0.01);
  EXPECT_GT(m.percentage_completed, 100);
  ASSERT_TRUE(m.lap_seconds.has_value());
  EXPECT_NEAR(*m.lap_seconds, 31.4, 0.1);
  EXPECT_EQ(m.suddenness_distance, 0);
  EXPECT_NEAR(m.brain_iterations_frequency_simulated_time, 20, 1e-9);
  EXPECT_EQ(m.lateral_error_max, 0);
  EXPECT_EQ(m.off_road_events, 0);
}

TEST(DrivingMetrics, ATenthOfAMetreBesideIsThousandToTheTenth) {
  const DrivingMetrics m = driving_metrics(drive(1.05, 0.1), kLap, 1.5);
  EXPECT_NEAR(m.position_deviation_mae, std::pow(1000, 0.1), 0.02);  // 1.995
  EXPECT_NEAR(m.lateral_error_mean, 0.1, 1e-9);
  EXPECT_NEAR(m.lateral_error_p95, 0.1, 1e-9);
}

TEST(DrivingMetrics, HalfALap) {
  const DrivingMetrics m = driving_metrics(drive(0.5), kLap, 1.5);
  EXPECT_NEAR(m.percentage_completed, 50 + 100 * 5 / (2 * kPi * kRadius), 0.3);  // points up to 5 m ahead count
  EXPECT_FALSE(m.lap_seconds.has_value());
  EXPECT_GT(m.position_deviation_mae, 1);  // the points ahead are up to 5 m away
}

TEST(DrivingMetrics, EitherDirectionCounts) {
  const DrivingMetrics m = driving_metrics(drive(-1.05), kLap, 1.5);
  EXPECT_GT(m.percentage_completed, 100);
  EXPECT_NEAR(m.position_deviation_mae, 1, 0.01);
}

TEST(DrivingMetrics, StandingStillCompletesWhatIsNear) {
  Episode e = drive(0.001);
  EXPECT_NEAR(percentage_completed(std::vector<Point>{e.odometry[0].pose.position}, kLap), 100 * 10 / 628.0, 0.2);
}

TEST(DrivingMetrics, SuddennessOfAlternatingTurns) {
  Episode e = drive(0.2);
  for (size_t i = 0; i < e.commands.size(); ++i) e.commands[i] = {10 + 1.75 * (i % 2 == 0 ? 1 : 0), i % 2 == 0 ? 0.71 : -0.71};
  // Every change is 1.75/17.5 = 0.1 in v and 1.42/14.2 = 0.1 in w.
  EXPECT_NEAR(driving_metrics(e, kLap, 1.5).suddenness_distance, std::sqrt(0.02), 1e-9);
}

TEST(DrivingMetrics, OffRoadEventsAreCounted) {
  Episode e = drive(0.5);
  for (const size_t i : {10u, 11u, 50u}) e.odometry[i].lateral_m = 1.6;
  EXPECT_EQ(driving_metrics(e, kLap, 1.5).off_road_events, 2);
}

TEST(DrivingSummary, CountsAndIntervals) {
  const std::vector<DrivingMetrics> drives{driving_metrics(drive(1.05), kLap, 1.5),
                                           driving_metrics(drive(1.05, 0.2), kLap, 1.5),
                                           driving_metrics(drive(0.5), kLap, 1.5)};
  const DrivingSummary s = summarize("ring", drives);
  EXPECT_EQ(s.successes, 2);
  EXPECT_NEAR(s.mean.lateral_error_max, 0.2, 1e-9);
  EXPECT_NEAR(s.mean.lateral_error_mean, 0.2 / 3, 1e-6);
  EXPECT_EQ(s.mean.end, EpisodeEnd::timeout);
}

TEST(WilsonInterval, KnownValues) {
  EXPECT_NEAR(wilson_interval(20, 20).low, 0.8389, 1e-4);
  EXPECT_EQ(wilson_interval(20, 20).high, 1);
  EXPECT_NEAR(wilson_interval(5, 10).low, 0.2366, 1e-4);
  EXPECT_NEAR(wilson_interval(5, 10).high, 0.7634, 1e-4);
}

}  // namespace
}  // namespace slimpilot
