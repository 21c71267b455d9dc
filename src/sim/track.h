// SPDX-License-Identifier: Apache-2.0
// A circuit made ready for driving and for pictures: where a point lies along and beside the centre line, and a grid of signed
// distances to it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/geometry.h"

namespace slimpilot {

/// A place relative to the centre line.
struct TrackPosition {
  double arc_m = 0;      // along the line, 0 … length
  double lateral_m = 0;  // beside it, + = left of its direction
};

/// Read-only once built; threads may share it.
class Track {
 public:
  /// Distances beyond this many metres from the line are not resolved.
  static constexpr float kBand_m = 2.4f;

  /// `centre_line` is closed: equidistant points, the first not repeated. Between them runs a cubic (Catmull-Rom) curve.
  Track(std::span<const Point> centre_line, double road_width_m);

  double length_m() const { return length_m_; }
  double half_width_m() const { return half_width_m_; }

  /// The pose on the line (moved left by `lateral_m`) at `arc_m`, taken modulo the length.
  Pose pose_at(double arc_m, double lateral_m = 0) const;

  /// Where `p` lies, by the nearest point of the line within `reach_m` of `near_arc_m`: where the track comes near itself, the
  /// stretch that one was on counts.
  TrackPosition locate(Point p, double near_arc_m, double reach_m = 5) const;

  /// Signed distance from the line, + = left, bilinear in a grid of 5 cm; ±kBand_m (by magnitude) where it is farther.
  float signed_distance(float x, float y) const;

 private:
  void build_line(std::span<const Point> centre_line);
  void build_grid();
  double squared_distance_to_segment(Point p, size_t i, double& fraction) const;
  size_t wrap(int64_t i) const;
  /// The segment nearest to `p`, walking downhill from segment `start`.
  size_t descend(Point p, size_t start) const;
  double signed_distance_to(Point p, size_t segment) const;

  std::vector<Point> line_;  // every kStep_m or a little less, closed
  double length_m_ = 0, step_m_ = 0, half_width_m_;

  // Tiles of kTile × kTile cells near the line; each holds one row and column more, so that interpolation stays inside it.
  static constexpr int kTile = 64;
  static constexpr float kCell_m = 0.05f;
  float left_ = 0, bottom_ = 0;
  int tile_columns_ = 0, tile_rows_ = 0;
  std::vector<int32_t> tile_of_;    // −1: far from the line
  std::vector<int16_t> distances_;  // in units of 0.1 mm
};

}  // namespace slimpilot
