// SPDX-License-Identifier: Apache-2.0
// Points and poses in the flat world. Metres; x and y as seen from above, angles in radians, counter-clockwise from +x.
#pragma once

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

}  // namespace slimpilot
