// SPDX-License-Identifier: Apache-2.0
// Points, poses and curves in the flat world. Metres; x and y as seen from above, angles in radians, counter-clockwise from +x.
#pragma once

#include <algorithm>
#include <cmath>

namespace slimpilot {

struct Point {
  double x = 0, y = 0;
  bool operator==(const Point&) const = default;
};

/// Where something stands and which way it looks.
struct Pose {
  Point position;
  double heading = 0;
  bool operator==(const Pose&) const = default;
};

inline double distance(Point a, Point b) { return std::hypot(a.x - b.x, a.y - b.y); }

inline Point between(Point a, Point b, double t) { return {a.x + t * (b.x - a.x), a.y + t * (b.y - a.y)}; }

/// Where along the segment from a to b (0…1) the point nearest to p lies.
inline double nearest_fraction(Point p, Point a, Point b) {
  const double dx = b.x - a.x, dy = b.y - a.y, squared = dx * dx + dy * dy;
  return squared > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / squared, 0.0, 1.0) : 0;
}

/// Catmull-Rom: at t = 0…1 on the cubic from b to c with the tangents (c − a)/2 and (d − b)/2.
inline Point catmull_rom(Point a, Point b, Point c, Point d, double t) {
  const auto cubic = [t](double p, double q, double r, double s) {
    return q + 0.5 * t * (r - p + t * (2 * p - 5 * q + 4 * r - s + t * (3 * (q - r) + s - p)));
  };
  return {cubic(a.x, b.x, c.x, d.x), cubic(a.y, b.y, c.y, d.y)};
}

}  // namespace slimpilot
