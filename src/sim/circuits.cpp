// SPDX-License-Identifier: Apache-2.0
// Our own circuits as lists of straights and bends, and the shape of a circuit.
#include "sim/circuits.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "base/stats.h"

namespace slimpilot {
namespace {

constexpr double kStep = 0.5, kLongestTransition = 5;

/// A straight, then a bend to the left (+) or right (-). The curvature ramps linearly (a clothoid) from 0 to 1/radius,
/// stays, and ramps back; the bend's middle part and one ramp turn as much as the arc without ramps would.
struct Section {
  double straight_m, radius_m, turn_degrees;
};

constexpr Section kSimple[] = {
    {50.8, 9, 95.3},    {4, 25.1, 79.8},    {16.7, 33.9, -56.4}, {4.3, 18.6, 113},
    {48.7, 42.5, 81.9}, {14.4, 5.8, 112.3}, {4, 51, -65.9},
};

constexpr Section kManyCurves[] = {
    {9.2, 7.1, -54.5},  {0.7, 11.1, 135.7}, {0.5, 18.3, 115.2}, {0.5, 9.4, -114},    {0.5, 4.7, 109.7},  {0.5, 19.7, -127.3},
    {0.7, 13.6, 97},    {0.5, 9.7, 138.9},  {0.7, 7.4, -110.6}, {0.5, 6, -44.2},     {0.5, 12.1, -68},   {0.5, 6.7, 86.9},
    {0.5, 12.9, 119.2}, {0.5, 12.8, -85.2}, {0.5, 7.2, 105.8},  {0.8, 6.1, -98.6},   {0.5, 4.8, 114},    {1.4, 7.6, -113.4},
    {0.5, 12.3, -63.5}, {0.5, 7.3, 102.5},  {0.5, 13.6, 101.2}, {3.4, 17.9, -107.2}, {0.5, 17.8, 105.2}, {3, 4.7, 97.9},
    {0.5, 9.2, -49.4},  {3, 7.5, -71.9},    {1.9, 7.4, 92.2},   {4.8, 7.2, -106.4},  {1, 12.9, 120.7},   {0.7, 9.7, 91.5},
    {0.5, 13.2, -66.4}, {0.5, 5.4, -73.6},  {2.1, 4.7, 45},     {1.7, 5.8, -78.1},   {3.2, 6.4, 68.2},   {1.3, 4.7, -54.5},
};

constexpr Section kMontmeloLike[] = {
    {194.9, 3.3, 114.3}, {3, 12, 77.2},      {3.2, 9.8, -115.4}, {107.1, 3.3, 86.1}, {3.2, 6.5, -46.8},
    {3.1, 27.3, 96},     {3.3, 16.9, -77.5}, {5.6, 3.3, 107.5},  {62.9, 9.4, -60.9}, {3.5, 5.6, 103.9},
    {5.7, 25.5, -123.7}, {8.2, 3.6, 118.3},  {3.1, 20, -47.2},   {5.8, 15.5, 128.2},
};

constexpr Section kNurburgringLike[] = {
    {73, 13, 71.1},   {7.3, 10.4, 137.7}, {5.9, 10.1, -47}, {6.4, 13.7, -109}, {7.7, 27.8, -75.7},
    {8.2, 8.9, 63.4}, {8.5, 23.2, 109.9}, {53.6, 3, 130.4}, {19.7, 14, -23.2}, {25.4, 4.8, -55.9},
    {25.6, 17, 59.8}, {22.7, 29.6, -31},  {7.6, 3, 129.5},
};

constexpr Section kMontrealLike[] = {
    {226.3, 10.6, 92.1}, {8.2, 7.9, 77},      {40.8, 41.7, -35.4}, {94.9, 20.4, 96.1},
    {82.5, 6.4, -103.5}, {10.3, 6.1, -83.5},  {51.2, 6.3, 128.9},  {31.8, 15.7, -39.6},
    {15.9, 48, -15.1},   {34, 126.9, 55.5},   {9.6, 9, 62.6},      {79.9, 10.8, 122.3},
    {6.7, 7.2, 92.1},    {11.5, 17.7, -99.7}, {23.8, 20.4, -62.7}, {135.6, 91.7, 72.9},
};

/// Bends in quick succession, tighter than on the study's training circuits and as tight as on its test circuits.
constexpr Section kChicanes[] = {{7.6, 6.2, 67.8},  {13.4, 6.3, -66},  {8.2, 2.8, 94.6},   {1.2, 3, -76.3},  {13.5, 4.1, 124.1},
                                 {4.3, 3, -140},    {2.9, 2.9, 94.7},  {1.6, 2.8, -53.2},  {0.8, 3, 58.8},   {13.3, 8.8, 84.9},
                                 {6.9, 3, 45.3},    {1.3, 2.9, -71.2}, {1.7, 3.3, 42.8},   {9.7, 9.1, 76.3}, {3.3, 2.9, 60.2},
                                 {0.5, 2.7, -93.9}, {6.4, 3, 63.6},    {0.5, 3.5, -84},    {1.5, 3.5, 57.7}, {2.3, 2.8, -96.1},
                                 {1.2, 3, 55.6},    {1.1, 3.7, -65.1}, {19.2, 3.3, 112.2}, {3.5, 3.4, 74.8}, {0.6, 3.2, -81.5},
                                 {1.1, 3.7, 72.7}};

struct Plan {
  std::string_view name;
  std::span<const Section> sections;
  double road_width_m, timeout_s;
  CircuitRole role;
};

constexpr std::array kPlans = {
    Plan{"simple", kSimple, 3.2, 83, CircuitRole::test},
    Plan{"many_curves", kManyCurves, 2.4, 166, CircuitRole::train},
    Plan{"chicanes", kChicanes, 3.2, 80, CircuitRole::train},
    Plan{"montmelo_like", kMontmeloLike, 3.2, 134, CircuitRole::test},
    Plan{"nurburgring_like", kNurburgringLike, 3.0, 97, CircuitRole::train},
    Plan{"montreal_like", kMontrealLike, 3.3, 273, CircuitRole::test},
};

/// A stretch along which the curvature goes linearly from `begin` to `end`.
struct Stretch {
  double length, begin, end;
};

struct Trace {
  std::vector<Point> line;
  Point end;
};

std::vector<Stretch> stretches(std::span<const Section> sections) {
  std::vector<Stretch> all;
  for (const Section& section : sections) {
    const double arc = section.radius_m * std::abs(section.turn_degrees) * std::numbers::pi / 180;
    const double ramp = std::min(kLongestTransition, arc / 2), bend = std::copysign(1 / section.radius_m, section.turn_degrees);
    all.insert(all.end(), {{section.straight_m, 0, 0}, {ramp, 0, bend}, {arc - ramp, bend, bend}, {ramp, bend, 0}});
  }
  return all;
}

/// Drives along the stretches in equal steps: the heading is exact, the place is its cosine and sine summed over 100
/// midpoints a step (0.05 µm a step at most).
Trace trace(const std::vector<Stretch>& all) {
  constexpr int kParts = 100;
  double length = 0, begin = 0, heading = 0;
  for (const Stretch& stretch : all) length += stretch.length;
  const auto steps = static_cast<size_t>(std::lround(length / kStep));
  const double part = length / static_cast<double>(steps * kParts);
  Trace driven;
  size_t now = 0;
  for (size_t i = 0; i < steps * kParts; ++i) {
    if (i % kParts == 0) driven.line.push_back(driven.end);
    const double place = (static_cast<double>(i) + 0.5) * part;
    while (now + 1 < all.size() && place > begin + all[now].length) {
      heading += (all[now].begin + all[now].end) / 2 * all[now].length;
      begin += all[now++].length;
    }
    const double along = place - begin, slope = (all[now].end - all[now].begin) / all[now].length;
    const double angle = heading + (all[now].begin + slope * along / 2) * along;
    driven.end.x += part * std::cos(angle);
    driven.end.y += part * std::sin(angle);
  }
  return driven;
}

/// Lengthens each straight by the smallest amounts (in squares) that take back `gap`: a straight moves all behind it in its
/// own direction, so that is a linear system of two equations.
void close_gap(std::vector<Section>& sections, Point gap) {
  double xx = 0, xy = 0, yy = 0;
  std::vector<Point> directions;
  double heading = 0;
  for (const Section& section : sections) {
    const Point d{std::cos(heading), std::sin(heading)};
    directions.push_back(d);
    xx += d.x * d.x;
    xy += d.x * d.y;
    yy += d.y * d.y;
    heading += section.turn_degrees * std::numbers::pi / 180;
  }
  const double scale = 1 / (xx * yy - xy * xy);
  const Point pull{scale * (yy * gap.x - xy * gap.y), scale * (xx * gap.y - xy * gap.x)};
  for (size_t i = 0; i < sections.size(); ++i) {
    sections[i].straight_m -= directions[i].x * pull.x + directions[i].y * pull.y;
  }
}

/// The lists close to half a metre, because their numbers are rounded; this closes them to less than a nanometre.
std::vector<Point> closed_line(std::span<const Section> list) {
  std::vector<Section> sections(list.begin(), list.end());
  close_gap(sections, trace(stretches(sections)).end);
  return trace(stretches(sections)).line;
}

/// 1 / the radius of the circle through three points, + when they turn left.
double circle_curvature(Point a, Point b, Point c) {
  const double cross = (b.x - a.x) * (c.y - b.y) - (b.y - a.y) * (c.x - b.x);
  const double sides = distance(a, b) * distance(b, c) * distance(a, c);
  return sides > 0 ? 2 * cross / sides : 0;
}

}  // namespace

std::vector<std::string_view> circuit_names() {
  std::vector<std::string_view> names;
  for (const Plan& plan : kPlans) names.push_back(plan.name);
  return names;
}

Circuit make_circuit(std::string_view name) {
  const auto plan = std::find_if(kPlans.begin(), kPlans.end(), [&](const Plan& p) { return p.name == name; });
  if (plan == kPlans.end()) {
    std::string known;
    for (const Plan& p : kPlans) known += (known.empty() ? "" : ", ") + std::string(p.name);
    throw Error("unknown circuit '" + std::string(name) + "'; there are " + known + ", and any centre line as FILE.csv");
  }
  return {.name = std::string(name),
          .centre_line = closed_line(plan->sections),
          .road_width_m = plan->road_width_m,
          .timeout_s = plan->timeout_s,
          .role = plan->role};
}

Circuit find_circuit(const std::string& name_or_path) {
  return name_or_path.ends_with(".csv") ? read_circuit(name_or_path) : make_circuit(name_or_path);
}

std::vector<double> curvature(std::span<const Point> closed_line, size_t reach) {
  const size_t count = closed_line.size();
  check(count > 2 * reach);
  std::vector<double> values(count);
  for (size_t i = 0; i < count; ++i) {
    values[i] = circle_curvature(closed_line[(i + count - reach) % count], closed_line[i], closed_line[(i + reach) % count]);
  }
  return values;
}

CircuitShape measure(std::span<const Point> closed_line) {
  constexpr size_t kReach = 6;  // 3 m in steps of 0.5 m
  constexpr double kStraight = 0.01;
  std::vector<double> bends = curvature(closed_line, kReach);
  for (double& value : bends) value = std::abs(value);
  CircuitShape shape;
  for (size_t i = 0; i < closed_line.size(); ++i)
    shape.length_m += distance(closed_line[i], closed_line[(i + 1) % closed_line.size()]);
  const auto straight = std::count_if(bends.begin(), bends.end(), [](double value) { return value < kStraight; });
  shape.straight_share = static_cast<double>(straight) / static_cast<double>(bends.size());
  shape.tightest_radius_m = 1 / quantile(bends, 0.99);
  return shape;
}

}  // namespace slimpilot
