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

Rectangle box_of(const LabelPlace& place, double width) {
  const double share = place.anchor == LabelAnchor::left ? 0 : place.anchor == LabelAnchor::middle ? 0.5 : 1;
  const double left = place.x - share * width;
  return {left, place.y - kLabelHeight / 2, left + width, place.y + kLabelHeight / 2};
}

/// The places to try, best first.
std::vector<LabelPlace> candidates(const LabelledPoint& p) {
  std::vector<LabelPlace> places{{p.x + kGap, p.y, LabelAnchor::left},
                                 {p.x - kGap, p.y, LabelAnchor::right},
                                 {p.x, p.y + 14, LabelAnchor::middle},
                                 {p.x, p.y - 14, LabelAnchor::middle}};
  for (double radius = 22; radius < 260; radius += 8)
    for (const double angle : {0.4, -0.4, 0.8, -0.8, 1.2, -1.2, 2.7, -2.7, 2.3, -2.3, 1.6, -1.6}) {
      const double dx = radius * std::cos(angle), dy = radius * std::sin(angle);
      places.push_back({p.x + dx, p.y + dy, dx < 0 ? LabelAnchor::right : LabelAnchor::left, true});
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
      const Rectangle box = box_of(place, p.label_width);
      return box.left >= 2 && box.right <= width && box.bottom >= 2 && box.top <= height &&
             std::none_of(taken.begin(), taken.end(), [&](const Rectangle& other) { return box.overlaps(other); });
    };
    const auto free = std::find_if(places.begin(), places.end(), is_free);
    result.push_back(free == places.end() ? places[0] : *free);
    taken.push_back(box_of(result.back(), p.label_width));
  }
  return result;
}

}  // namespace slimpilot
