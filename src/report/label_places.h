// SPDX-License-Identifier: Apache-2.0
// Finds places for the labels of points, so that no label covers another or a point.
#pragma once

#include <vector>

namespace slimpilot {

/// A point in pixels from the lower left corner of the plot, and how wide its label is.
struct LabelledPoint {
  double x = 0, y = 0, label_width = 0;
};

/// Where a label's text begins (left, half its height). When it is `far` from its point, a line from the point to (line_x,
/// line_y), the nearest place of the label, shows what belongs together.
struct LabelPlace {
  double x = 0, y = 0;
  bool far = false;
  double line_x = 0, line_y = 0;
};

/// Greedy, in the points' order: to the right of the point, to its left, above, below, then in growing circles. A label for
/// which there is no free place stands to the right of its point.
std::vector<LabelPlace> place_labels(const std::vector<LabelledPoint>& points, double width, double height);

}  // namespace slimpilot
