// SPDX-License-Identifier: Apache-2.0
// A line to drive on in tests.
#pragma once

#include <cmath>
#include <numbers>
#include <vector>

#include "sim/geometry.h"

namespace slimpilot {

/// A ring of `radius` metres, driven counter-clockwise from (radius, 0), points about 0.5 m apart.
inline std::vector<Point> ring(double radius) {
  const int points = static_cast<int>(2 * std::numbers::pi * radius / 0.5);
  std::vector<Point> line;
  for (int i = 0; i < points; ++i) {
    const double angle = 2 * std::numbers::pi * i / points;
    line.push_back({radius * std::cos(angle), radius * std::sin(angle)});
  }
  return line;
}

}  // namespace slimpilot
