// SPDX-License-Identifier: Apache-2.0
#include "sim/track.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>

#include "base/error.h"

namespace slimpilot {
namespace {

constexpr double kStep_m = 0.05;  // a chord of 5 cm leaves an arc of 3 m radius by 0.1 mm
constexpr float kUnit_m = 1e-4f;  // of a stored distance
constexpr double kPi = 3.14159265358979323846;

}  // namespace

Track::Track(std::span<const Point> centre_line, double road_width_m) : half_width_m_(road_width_m / 2) {
  check(centre_line.size() >= 10 && half_width_m_ > 0 && half_width_m_ < kBand_m);
  build_line(centre_line);
  build_grid();
}

size_t Track::wrap(int64_t i) const {
  const auto n = static_cast<int64_t>(line_.size());
  return static_cast<size_t>(((i % n) + n) % n);
}

void Track::build_line(std::span<const Point> centre_line) {
  const size_t n = centre_line.size();
  const double chord = distance(centre_line[0], centre_line[1]);
  const int parts = std::max(1, static_cast<int>(std::ceil(chord / kStep_m)));
  for (size_t i = 0; i < n; ++i) {
    const Point a = centre_line[(i + n - 1) % n], b = centre_line[i], c = centre_line[(i + 1) % n],
                d = centre_line[(i + 2) % n];
    for (int k = 0; k < parts; ++k) {
      const double t = static_cast<double>(k) / parts;
      line_.push_back(catmull_rom(a, b, c, d, t));
    }
  }
  for (size_t i = 0; i < line_.size(); ++i) length_m_ += distance(line_[i], line_[wrap(static_cast<int64_t>(i) + 1)]);
  step_m_ = length_m_ / static_cast<double>(line_.size());
}

Pose Track::pose_at(double arc_m, double lateral_m) const {
  const double place = arc_m / step_m_, whole = std::floor(place), t = place - whole;
  const auto i = static_cast<int64_t>(whole);
  const auto point = [&](int64_t k) { return line_[wrap(k)]; };
  const Point a = point(i), b = point(i + 1);
  const auto heading = [&](int64_t k) { return std::atan2(point(k + 1).y - point(k - 1).y, point(k + 1).x - point(k - 1).x); };
  const double from = heading(i), angle = from + t * std::remainder(heading(i + 1) - from, 2 * kPi);
  return {{a.x + t * (b.x - a.x) - lateral_m * std::sin(angle), a.y + t * (b.y - a.y) + lateral_m * std::cos(angle)}, angle};
}

double Track::squared_distance_to_segment(Point p, size_t i, double& fraction) const {
  const Point a = line_[i], b = line_[i + 1 < line_.size() ? i + 1 : 0];
  fraction = nearest_fraction(p, a, b);
  const Point nearest = between(a, b, fraction);
  return (p.x - nearest.x) * (p.x - nearest.x) + (p.y - nearest.y) * (p.y - nearest.y);
}

TrackPosition Track::locate(Point p, double near_arc_m, double reach_m) const {
  const auto middle = static_cast<int64_t>(std::floor(near_arc_m / step_m_)), reach = static_cast<int64_t>(reach_m / step_m_);
  double best = std::numeric_limits<double>::infinity(), best_fraction = 0;
  size_t segment = 0;
  for (int64_t k = middle - reach; k <= middle + reach; ++k) {
    double fraction;
    const size_t i = wrap(k);
    const double d = squared_distance_to_segment(p, i, fraction);
    if (d < best) best = d, best_fraction = fraction, segment = i;
  }
  return {(static_cast<double>(segment) + best_fraction) * step_m_, signed_distance_to(p, segment)};
}

double Track::signed_distance_to(Point p, size_t i) const {
  const Point a = line_[i], b = line_[wrap(static_cast<int64_t>(i) + 1)];
  double fraction;
  const double d = std::sqrt(squared_distance_to_segment(p, i, fraction));
  return (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x) < 0 ? -d : d;
}

size_t Track::descend(Point p, size_t start) const {
  double fraction, best = squared_distance_to_segment(p, start, fraction);
  for (const int direction : {1, -1}) {
    const size_t before = start;
    for (;;) {
      const size_t next = wrap(static_cast<int64_t>(start) + direction);
      const double d = squared_distance_to_segment(p, next, fraction);
      if (d >= best) break;
      best = d, start = next;
    }
    if (start != before) break;
  }
  return start;
}

// Spreads from the line outwards: each cell starts its search at the segment that is nearest to the cell it was reached from.
void Track::build_grid() {
  const auto [low_x, high_x] = std::minmax_element(line_.begin(), line_.end(), [](Point a, Point b) { return a.x < b.x; });
  const auto [low_y, high_y] = std::minmax_element(line_.begin(), line_.end(), [](Point a, Point b) { return a.y < b.y; });
  constexpr double margin = kBand_m + 1.0, tile_m = kTile * static_cast<double>(kCell_m);
  left_ = static_cast<float>(low_x->x - margin);
  bottom_ = static_cast<float>(low_y->y - margin);
  tile_columns_ = static_cast<int>((high_x->x + margin - static_cast<double>(left_)) / tile_m) + 1;
  tile_rows_ = static_cast<int>((high_y->y + margin - static_cast<double>(bottom_)) / tile_m) + 1;
  const int columns = tile_columns_ * kTile, rows = tile_rows_ * kTile;
  tile_of_.assign(static_cast<size_t>(tile_columns_) * static_cast<size_t>(tile_rows_), -1);

  constexpr int kSide = kTile + 1;
  const auto far = static_cast<int16_t>(kBand_m / kUnit_m);
  const auto tile = [&](int tx, int ty) -> int16_t* {
    int32_t& index = tile_of_[static_cast<size_t>(ty) * static_cast<size_t>(tile_columns_) + static_cast<size_t>(tx)];
    if (index < 0) {
      index = static_cast<int32_t>(distances_.size() / (kSide * kSide));
      distances_.resize(distances_.size() + kSide * kSide, far);
    }
    return &distances_[static_cast<size_t>(index) * kSide * kSide];
  };
  // A corner or edge cell belongs to up to four tiles.
  const auto store = [&](int cx, int cy, int16_t value) {
    for (int ty = cy / kTile - (cy % kTile == 0 && cy > 0); ty <= cy / kTile; ++ty)
      for (int tx = cx / kTile - (cx % kTile == 0 && cx > 0); tx <= cx / kTile; ++tx)
        tile(tx, ty)[(cy - ty * kTile) * kSide + cx - tx * kTile] = value;
  };
  const auto stored = [&](int cx, int cy) { return tile(cx / kTile, cy / kTile)[(cy % kTile) * kSide + cx % kTile]; };

  struct Cell {
    int x, y;
    size_t segment;
  };
  std::deque<Cell> queue;
  for (size_t i = 0; i < line_.size(); ++i)
    queue.push_back({static_cast<int>((line_[i].x - static_cast<double>(left_)) / static_cast<double>(kCell_m)),
                     static_cast<int>((line_[i].y - static_cast<double>(bottom_)) / static_cast<double>(kCell_m)), i});
  for (; !queue.empty(); queue.pop_front()) {
    const Cell c = queue.front();
    if (c.x < 0 || c.y < 0 || c.x >= columns || c.y >= rows) continue;
    const Point p{static_cast<double>(left_) + c.x * static_cast<double>(kCell_m),
                  static_cast<double>(bottom_) + c.y * static_cast<double>(kCell_m)};
    const size_t segment = descend(p, c.segment);
    const double d = signed_distance_to(p, segment);
    if (std::abs(d) >= static_cast<double>(kBand_m)) continue;
    const auto value = static_cast<int16_t>(std::lround(d / static_cast<double>(kUnit_m)));
    if (std::abs(value) >= std::abs(stored(c.x, c.y))) continue;
    store(c.x, c.y, value);
    for (const auto& [dx, dy] : {std::pair{1, 0}, {-1, 0}, {0, 1}, {0, -1}}) queue.push_back({c.x + dx, c.y + dy, segment});
  }
}

float Track::signed_distance(float x, float y) const {
  const float u = (x - left_) * (1 / kCell_m), v = (y - bottom_) * (1 / kCell_m);
  if (!(u >= 0 && v >= 0)) return kBand_m;
  const int cx = static_cast<int>(u), cy = static_cast<int>(v);
  const unsigned column = static_cast<unsigned>(cx), row = static_cast<unsigned>(cy), tx = column / kTile, ty = row / kTile;
  if (tx >= static_cast<unsigned>(tile_columns_) || ty >= static_cast<unsigned>(tile_rows_)) return kBand_m;
  const int32_t index = tile_of_[static_cast<size_t>(ty) * static_cast<size_t>(tile_columns_) + tx];
  if (index < 0) return kBand_m;
  constexpr unsigned kSide = kTile + 1;
  const int16_t* cell = &distances_[static_cast<size_t>(index) * kSide * kSide + (row % kTile) * kSide + column % kTile];
  const int least = std::min(std::min(cell[0], cell[1]), std::min(cell[kSide], cell[kSide + 1])),
            greatest = std::max(std::max(cell[0], cell[1]), std::max(cell[kSide], cell[kSide + 1]));
  if (greatest - least > 10000) return kBand_m;  // the rim on the right, beside cells that were never reached
  const float fx = u - static_cast<float>(cx), fy = v - static_cast<float>(cy);
  const float below = static_cast<float>(cell[0]) + fx * static_cast<float>(cell[1] - cell[0]),
              above = static_cast<float>(cell[kSide]) + fx * static_cast<float>(cell[kSide + 1] - cell[kSide]);
  return kUnit_m * (below + fy * (above - below));
}

}  // namespace slimpilot
