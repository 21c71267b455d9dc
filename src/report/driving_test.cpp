// SPDX-License-Identifier: Apache-2.0
// The picture of driven paths: small, and true to a few centimetres.
#include "report/driving.h"

#include <gtest/gtest.h>

#include <cmath>

namespace slimpilot {
namespace {

/// Along the x axis in steps of 5 cm, `lateral_m` beside it.
Episode straight_drive(int samples, double lateral_m, EpisodeEnd end) {
  Episode episode{.end = end};
  for (int i = 0; i < samples; ++i) episode.odometry.push_back({.pose = {{0.05 * i, lateral_m}, 0}, .lateral_m = lateral_m});
  return episode;
}

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST(PathPicture, StraightPathsTakeFewPoints) {
  const Circuit circuit = make_circuit("simple");
  const std::string picture = path_picture(circuit, {straight_drive(1000, 0.02, EpisodeEnd::lap)});
  EXPECT_LT(picture.size(), 3000u);
  EXPECT_EQ(count(picture, "M0 0l"), 2u);  // the centre line and the path
  EXPECT_EQ(count(picture, "#c00000"), 0u);
}

TEST(PathPicture, OneLinePerColourWorstOnTop) {
  const Circuit circuit = make_circuit("simple");
  const std::string picture =
      path_picture(circuit, {straight_drive(10, 2, EpisodeEnd::timeout), straight_drive(10, 0, EpisodeEnd::lap)});
  EXPECT_EQ(count(picture, "<path"), 4u);  // road, green, red, cross
  EXPECT_LT(picture.find("#1eaa28"), picture.find("#e60028"));
  EXPECT_EQ(count(picture, "#c00000"), 1u);
}

TEST(PathPicture, NamesAreEscaped) {
  Circuit circuit = make_circuit("simple");
  circuit.name = "a<b>&c";
  EXPECT_NE(path_picture(circuit, {}).find("<title>a&lt;b&gt;&amp;c</title>"), std::string::npos);
}

}  // namespace
}  // namespace slimpilot
