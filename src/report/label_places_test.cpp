// SPDX-License-Identifier: Apache-2.0
// Labels of points that lie on each other do not.
#include "report/label_places.h"

#include <gtest/gtest.h>

#include <cmath>

namespace slimpilot {
namespace {

TEST(PlaceLabels, ToTheRightWhenThereIsRoom) {
  const auto places = place_labels({{100, 100, 50}}, 500, 300);
  EXPECT_GT(places[0].x, 100);
  EXPECT_EQ(places[0].y, 100);
  EXPECT_FALSE(places[0].far);
}

TEST(PlaceLabels, StaysInside) {
  const auto places = place_labels({{490, 100, 50}}, 500, 300);
  EXPECT_LT(places[0].x, 490);
  EXPECT_EQ(places[0].anchor, LabelAnchor::right);
}

TEST(PlaceLabels, ManyAtOnePlaceDoNotOverlap) {
  const std::vector<LabelledPoint> points(18, {250, 150, 90});
  const auto places = place_labels(points, 600, 340);
  const auto left = [](const LabelPlace& p) {
    return p.x - (p.anchor == LabelAnchor::left ? 0 : p.anchor == LabelAnchor::middle ? 45 : 90);
  };
  for (size_t i = 0; i < places.size(); ++i)
    for (size_t k = 0; k < i; ++k)
      EXPECT_TRUE(std::abs(left(places[i]) - left(places[k])) >= 90 || std::abs(places[i].y - places[k].y) >= 14)
          << i << " and " << k;
}

}  // namespace
}  // namespace slimpilot
