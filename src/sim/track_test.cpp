// SPDX-License-Identifier: Apache-2.0
#include "sim/track.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sim/track_test.h"

namespace slimpilot {
namespace {

constexpr double kPi = 3.14159265358979323846;

TEST(Track, LengthAndPosesOfARing) {
  const Track track(ring(5), 3);
  EXPECT_NEAR(track.length_m(), 10 * kPi, 0.01);
  const Pose quarter = track.pose_at(track.length_m() / 4, 0.5);  // left of a counter-clockwise ring is inside
  EXPECT_NEAR(quarter.position.x, 0, 0.01);
  EXPECT_NEAR(quarter.position.y, 4.5, 0.01);
  EXPECT_NEAR(std::abs(quarter.heading), kPi, 0.01);
}

TEST(Track, LocatesPointsAlongAndBeside) {
  const Track track(ring(5), 3);
  for (double arc = 0.3; arc < track.length_m(); arc += 1.7)
    for (const double lateral : {-1.2, -0.01, 0.0, 0.8}) {
      const TrackPosition found = track.locate(track.pose_at(arc, lateral).position, arc + 0.4);
      EXPECT_NEAR(found.arc_m, arc, 0.02);
      EXPECT_NEAR(found.lateral_m, lateral, 0.001);
    }
}

TEST(Track, GridAgreesWithTheGeometry) {
  const Track track(ring(5), 3);
  for (double angle = 0; angle < 6.2; angle += 0.037)
    for (const double r : {3.0, 4.2, 4.951, 5.0, 5.049, 6.3, 7.2})
      EXPECT_NEAR(track.signed_distance(static_cast<float>(r * std::cos(angle)), static_cast<float>(r * std::sin(angle))),
                  5 - r, 0.001);
}

TEST(Track, FarPointsAreFar) {
  const Track track(ring(20), 3);
  EXPECT_EQ(track.signed_distance(0, 0), Track::kBand_m);
  EXPECT_EQ(track.signed_distance(1e6f, -1e6f), Track::kBand_m);
  for (double r = 22.3; r < 22.6; r += 0.003)  // across the rim there is no false line
    EXPECT_GT(std::abs(track.signed_distance(static_cast<float>(r), 0.7f)), 2.2f);
}

}  // namespace
}  // namespace slimpilot
