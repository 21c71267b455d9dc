// SPDX-License-Identifier: Apache-2.0
// What is measured of a drive. The first group has the names and definitions of Behavior Metrics; its reference lap is the
// centre line itself, so that a car exactly on the line scores a deviation of 1. The second group says the same in plain
// metres.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "sim/episode.h"

namespace slimpilot {

/// What speed and turn are divided by (after taking off the minimum) before their changes are compared.
struct CommandRange {
  double v_min = 6.5, v_max = 24, w_min = -7.1, w_max = 7.1;
};

struct DrivingMetrics {
  EpisodeEnd end = EpisodeEnd::timeout;
  double completed_distance = 0;            // m, length of the odometry's path
  double average_speed = 0;                 // m/s, completed_distance / simulated time
  double percentage_completed = 0;          // of the reference lap; above 100 when driven past its start
  std::optional<double> lap_seconds;        // only above 100 %
  double position_deviation_mae = 0;        // mean of 1000^d over the completed reference points, d in m; 1 is perfect
  double position_deviation_total_err = 0;  // their sum
  double suddenness_distance = 0;           // mean length of the change of the normalised (v, w) between commands
  double brain_iterations_frequency_simulated_time = 0;  // 1 / mean simulated cycle, 1/s

  double lateral_error_mean = 0, lateral_error_p95 = 0, lateral_error_max = 0;  // m, |distance| to the line, over the odometry
  int off_road_events = 0;  // times that |lateral| grew beyond half the road
  bool success() const { return lap_seconds.has_value(); }
};

/// `reference_lap`: ordered points of one lap, closed, the first not repeated (0.5 m apart or so); in any of both directions
/// and from any start. `road_half_width_m` decides what is off the road.
DrivingMetrics driving_metrics(const Episode& episode, std::span<const Point> reference_lap, double road_half_width_m,
                               const CommandRange& range = {});

/// Share of `reference_lap` in percent whose points came within 5 m of the path, in order, from the point nearest to the start.
double percentage_completed(std::span<const Point> path, std::span<const Point> reference_lap);

/// Wilson's score interval for a rate of `successes` among `trials` > 0, 95 %.
struct Interval {
  double low = 0, high = 1;
};
Interval wilson_interval(int successes, int trials);

/// All drives of one pilot on one circuit: means over drives; the largest lateral error and the sum of off-road events over
/// all.
struct DrivingSummary {
  std::string circuit;
  int drives = 0, successes = 0;
  Interval success_rate;
  DrivingMetrics mean;  // lap_seconds: over the drives that have one
};
DrivingSummary summarize(const std::string& circuit, const std::vector<DrivingMetrics>& drives);

}  // namespace slimpilot
