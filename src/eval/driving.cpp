// SPDX-License-Identifier: Apache-2.0
#include "eval/driving.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/stats.h"

namespace slimpilot {
namespace {

constexpr double kReach_m = 5;
constexpr double kPathStep_m = 0.05;

std::vector<Point> path_of(const Episode& episode) {
  std::vector<Point> path;
  for (const OdometrySample& sample : episode.odometry) path.push_back(sample.pose.position);
  return path;
}

/// Points of the Catmull-Rom spline through the odometry, kPathStep_m apart or less.
std::vector<Point> spline(const std::vector<Point>& path) {
  std::vector<Point> fine;
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    const Point a = path[i > 0 ? i - 1 : 0], b = path[i], c = path[i + 1], d = path[std::min(i + 2, path.size() - 1)];
    const int parts = std::max(1, static_cast<int>(std::ceil(distance(b, c) / kPathStep_m)));
    for (int k = 0; k < parts; ++k) fine.push_back(catmull_rom(a, b, c, d, static_cast<double>(k) / parts));
  }
  if (!path.empty()) fine.push_back(path.back());
  return fine;
}

/// The reference points in driving order from the one nearest to the start, and how many the path came near to, in order. More
/// than all of them: it went round and on.
struct Completion {
  std::vector<Point> lap;
  size_t count = 0;
};

Completion completion(std::span<const Point> path, std::span<const Point> reference_lap, bool backwards) {
  Completion result;
  const size_t n = reference_lap.size();
  if (path.empty()) return result;
  const auto nearest = std::min_element(reference_lap.begin(), reference_lap.end(),
                                        [&](Point a, Point b) { return distance(a, path[0]) < distance(b, path[0]); });
  const auto first = static_cast<size_t>(nearest - reference_lap.begin());
  for (size_t i = 0; i < n; ++i) result.lap.push_back(reference_lap[backwards ? (first + n - i) % n : (first + i) % n]);
  // At most one reach of points is taken per place, or a lap shorter than the reach would never end.
  for (const Point p : path)
    for (size_t taken = 0; taken < n && distance(result.lap[result.count % n], p) < kReach_m; ++taken) ++result.count;
  return result;
}

Completion better_completion(std::span<const Point> path, std::span<const Point> reference_lap) {
  Completion forwards = completion(path, reference_lap, false), backwards = completion(path, reference_lap, true);
  return forwards.count >= backwards.count ? forwards : backwards;
}

double percentage(const Completion& c, size_t points) {
  return 100 * static_cast<double>(c.count) / static_cast<double>(points);
}

/// From `p` to the piece of the path that begins at its point k.
double distance_to_path(Point p, const std::vector<Point>& fine, size_t k) {
  const Point a = fine[k], b = fine[std::min(k + 1, fine.size() - 1)];
  return distance(p, between(a, b, nearest_fraction(p, a, b)));
}

/// For each completed reference point its distance to the path. Both run in order, so the search goes on from the last place.
std::vector<double> deviations(const Completion& c, const std::vector<Point>& fine) {
  std::vector<double> result;
  size_t place = 0;
  const auto reach = static_cast<size_t>(2 * kReach_m / kPathStep_m);
  for (size_t i = 0; i < std::min(c.count, c.lap.size()); ++i) {
    double best = std::numeric_limits<double>::infinity();
    const size_t end = std::min(place + reach, fine.size());
    for (size_t k = place > reach ? place - reach : 0; k < end; ++k)
      if (const double d = distance_to_path(c.lap[i], fine, k); d < best) best = d, place = k;
    result.push_back(best);
  }
  return result;
}

double suddenness(const std::vector<Command>& commands, const CommandRange& range) {
  double sum = 0;
  for (size_t i = 1; i < commands.size(); ++i)
    sum += std::hypot((commands[i].v - commands[i - 1].v) / (range.v_max - range.v_min),
                      (commands[i].w - commands[i - 1].w) / (range.w_max - range.w_min));
  return commands.size() > 1 ? sum / static_cast<double>(commands.size() - 1) : 0;
}

void set_lateral_errors(DrivingMetrics& m, const Episode& episode, double half_width_m) {
  std::vector<double> errors;
  bool off = false;
  for (const OdometrySample& sample : episode.odometry) {
    const bool now_off = std::abs(sample.lateral_m) > half_width_m;
    m.off_road_events += now_off && !off;
    off = now_off;
    errors.push_back(std::abs(sample.lateral_m));
  }
  if (episode.end == EpisodeEnd::crash) m.off_road_events = std::max(m.off_road_events, 1);  // between two samples
  m.lateral_error_mean = mean(errors);
  m.lateral_error_p95 = quantile(errors, 0.95);
  m.lateral_error_max = *std::max_element(errors.begin(), errors.end());
}

}  // namespace

double percentage_completed(std::span<const Point> path, std::span<const Point> reference_lap) {
  return percentage(better_completion(path, reference_lap), reference_lap.size());
}

DrivingMetrics driving_metrics(const Episode& episode, std::span<const Point> reference_lap, double road_half_width_m,
                               const CommandRange& range) {
  check(!episode.odometry.empty() && !reference_lap.empty());
  DrivingMetrics m{.end = episode.end};
  const std::vector<Point> path = path_of(episode);
  for (size_t i = 1; i < path.size(); ++i) m.completed_distance += distance(path[i - 1], path[i]);
  const double seconds = episode.odometry.back().time_s;
  m.average_speed = seconds > 0 ? m.completed_distance / seconds : 0;
  const Completion completed = better_completion(path, reference_lap);
  m.percentage_completed = percentage(completed, reference_lap.size());
  if (m.percentage_completed > 100 && episode.lap_s > 0) m.lap_seconds = episode.lap_s;
  for (const double d : deviations(completed, spline(path))) m.position_deviation_total_err += std::pow(1000, d);
  const size_t counted = std::min(completed.count, reference_lap.size());
  m.position_deviation_mae = counted > 0 ? m.position_deviation_total_err / static_cast<double>(counted) : 0;
  m.suddenness_distance = suddenness(episode.commands, range);
  m.brain_iterations_frequency_simulated_time = episode.cycle_s > 0 ? 1 / episode.cycle_s : 0;
  set_lateral_errors(m, episode, road_half_width_m);
  return m;
}

Interval wilson_interval(int successes, int trials) {
  check(trials > 0 && successes >= 0 && successes <= trials);
  const double z = 1.959964, n = trials, rate = successes / n, denominator = 1 + z * z / n;
  const double middle = (rate + z * z / (2 * n)) / denominator;
  const double half = z * std::sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / denominator;
  return {std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

DrivingSummary summarize(const std::string& circuit, const std::vector<DrivingMetrics>& drives) {
  check(!drives.empty());
  DrivingSummary s{.circuit = circuit, .drives = static_cast<int>(drives.size())};
  const auto average = [&](auto member) {
    double sum = 0;
    for (const DrivingMetrics& m : drives) sum += m.*member;
    s.mean.*member = sum / static_cast<double>(drives.size());
  };
  for (const auto member :
       {&DrivingMetrics::completed_distance, &DrivingMetrics::average_speed, &DrivingMetrics::percentage_completed,
        &DrivingMetrics::position_deviation_mae, &DrivingMetrics::position_deviation_total_err,
        &DrivingMetrics::suddenness_distance, &DrivingMetrics::brain_iterations_frequency_simulated_time,
        &DrivingMetrics::lateral_error_mean, &DrivingMetrics::lateral_error_p95})
    average(member);
  std::vector<double> laps;
  for (const DrivingMetrics& m : drives) {
    s.mean.lateral_error_max = std::max(s.mean.lateral_error_max, m.lateral_error_max);
    s.mean.off_road_events += m.off_road_events;
    if (m.success()) laps.push_back(*m.lap_seconds);
    if (m.end != EpisodeEnd::lap) s.mean.end = m.end;
  }
  s.successes = static_cast<int>(laps.size());
  if (s.successes == s.drives) s.mean.end = EpisodeEnd::lap;
  if (!laps.empty()) s.mean.lap_seconds = mean(laps);
  s.success_rate = wilson_interval(s.successes, s.drives);
  return s;
}

}  // namespace slimpilot
