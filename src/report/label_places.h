// SPDX-License-Identifier: Apache-2.0
// Finds places for the labels of points, so that no label covers another or a point.
#pragma once

#include <vector>

namespace slimpilot {

/// A point in pixels from the lower left corner of the plot, and how wide its label is.
struct LabelledPoint {
  double x = 0, y = 0, label_width = 0;
};

enum class LabelAnchor { left, middle, right };

/// Where a label stands: its left end, middle or right end, at half its height. When it is `far` from its point, a line from
/// the point to there shows what belongs together.
struct LabelPlace {
  double x = 0, y = 0;
  LabelAnchor anchor = LabelAnchor::left;
  bool far = false;
};

/// Greedy, in the points' order: to the right of the point, to its left, above, below, then in growing circles. A label for
/// which there is no free place stands to the right of its point.
std::vector<LabelPlace> place_labels(const std::vector<LabelledPoint>& points, double width, double height);

}  // namespace slimpilot
