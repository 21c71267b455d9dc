// SPDX-License-Identifier: Apache-2.0
// Points of the flat world. Metres; x and y as seen from above, angles in radians, counter-clockwise from +x.
#pragma once

namespace slimpilot {

struct Point {
  double x = 0, y = 0;
  bool operator==(const Point&) const = default;
};

}  // namespace slimpilot
