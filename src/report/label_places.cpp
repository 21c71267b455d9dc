// SPDX-License-Identifier: Apache-2.0
#include "report/label_places.h"

#include <algorithm>
#include <cmath>

namespace slimpilot {
namespace {

constexpr double kLabelHeight = 15, kPointRadius = 5, kGap = 7;

struct Rectangle {
  double left, bottom, right, top;
  bool overlaps(const Rectangle& other) const {
    return left < other.right && other.left < right && bottom < other.top && other.bottom < top;
  }
};

Rectangle label_at(double x, double y, double width) { return {x, y - kLabelHeight / 2, x + width, y + kLabelHeight / 2}; }

/// The places to try, best first, as lower left corners relative to the point (half height).
std::vector<LabelPlace> candidates(const LabelledPoint& p) {
  const double w = p.label_width;
  std::vector<LabelPlace> places{{p.x + kGap, p.y}, {p.x - kGap - w, p.y}, {p.x - w / 2, p.y + 14}, {p.x - w / 2, p.y - 14}};
  for (double radius = 22; radius < 260; radius += 8)
    for (const double angle : {0.4, -0.4, 0.8, -0.8, 1.2, -1.2, 2.7, -2.7, 2.3, -2.3, 1.6, -1.6}) {
      const double dx = radius * std::cos(angle), dy = radius * std::sin(angle);
      places.push_back({p.x + dx + (dx < 0 ? -w : 0), p.y + dy, true, p.x + dx, p.y + dy});
    }
  return places;
}

}  // namespace

std::vector<LabelPlace> place_labels(const std::vector<LabelledPoint>& points, double width, double height) {
  std::vector<Rectangle> taken;
  for (const LabelledPoint& p : points)
    taken.push_back({p.x - kPointRadius, p.y - kPointRadius, p.x + kPointRadius, p.y + kPointRadius});
  std::vector<LabelPlace> result;
  for (const LabelledPoint& p : points) {
    const auto places = candidates(p);
    const auto is_free = [&](const LabelPlace& place) {
      const Rectangle box = label_at(place.x, place.y, p.label_width);
      return box.left >= 2 && box.right <= width && box.bottom >= 2 && box.top <= height &&
             std::none_of(taken.begin(), taken.end(), [&](const Rectangle& other) { return box.overlaps(other); });
    };
    const auto free = std::find_if(places.begin(), places.end(), is_free);
    result.push_back(free == places.end() ? places[0] : *free);
    taken.push_back(label_at(result.back().x, result.back().y, p.label_width));
  }
  return result;
}

}  // namespace slimpilot
