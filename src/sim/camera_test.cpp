// SPDX-License-Identifier: Apache-2.0
// What the camera draws, against the numbers that its geometry gives by hand.
#include "sim/camera.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "sim/track_test.h"

namespace slimpilot {
namespace {

constexpr double kPi = 3.14159265358979323846;

/// Two straights of 60 m, joined by half rings; it starts in the middle of one.
std::vector<Point> stadium() {
  std::vector<Point> line;
  for (int i = 0; i < 60; ++i) line.push_back({i * 0.5, 0});
  for (int i = 0; i < 63; ++i) line.push_back({30 + 10 * std::sin(kPi * i / 63), 10 - 10 * std::cos(kPi * i / 63)});
  for (int i = 0; i < 120; ++i) line.push_back({30 - i * 0.5, 20});
  for (int i = 0; i < 63; ++i) line.push_back({-30 - 10 * std::sin(kPi * i / 63), 10 + 10 * std::cos(kPi * i / 63)});
  for (int i = 0; i < 60; ++i) line.push_back({-30 + i * 0.5, 0});
  return line;
}

Image view(const Track& track, double lateral_m, const Scenery& scenery = {}) {
  Camera camera(track, scenery);
  Image frame;
  camera.render(track.pose_at(0, lateral_m), 0, 7, frame);
  return frame;
}

const uint8_t* pixel(const Image& frame, int row, int column) {
  return &frame.pixels[static_cast<size_t>((row * frame.width + column) * 3)];
}

/// Pixels of a row that are red, partly covered ones by their share.
double red_width(const Image& frame, int row) {
  double width = 0;
  for (int u = 0; u < frame.width; ++u) {  // asphalt, (92, 92, 96), has no red of its own, walls a little
    const int red = pixel(frame, row, u)[0] - pixel(frame, row, u)[1];
    if (red > 10) width += red / 255.0;
  }
  return width;
}

TEST(Camera, LineIsAsWideAsItsDistanceSays) {
  const Track track(stadium(), 3.0);
  const Image frame = view(track, -kCameraLeft_m);
  for (const int row : {479, 400, 300, 260, 250}) {
    const double ahead_m = kFocalLength_px * kCameraHeight_m / (row - kHorizonRow);
    EXPECT_NEAR(red_width(frame, row), kFocalLength_px * kLineWidth_m / ahead_m, 1) << "row " << row;
  }
}

TEST(Camera, CameraLeftOfTheLineSeesItOnTheRight) {
  const Track track(stadium(), 3.0);
  const Image frame = view(track, 0);  // the camera is 4 cm left of the robot
  double sum = 0, weight = 0;
  for (int u = 0; u < frame.width; ++u) {
    const double red = (pixel(frame, 400, u)[0] - pixel(frame, 400, u)[1]) / 255.0;
    sum += red * u, weight += red;
  }
  const double ahead_m = kFocalLength_px * kCameraHeight_m / 160;
  EXPECT_NEAR(sum / weight, 320 + kFocalLength_px * kCameraLeft_m / ahead_m, 0.5);
}

TEST(Camera, WallsEndAtTheFarClip) {
  const Track track(stadium(), 3.0);
  const Image frame = view(track, -kCameraLeft_m);
  const int row = kHorizonRow - 4;  // the walls reach 8.5 px above the horizon at 15 m
  int left = 319, right = 320;
  const auto is_sky = [&](int u) { return pixel(frame, row, u)[2] > pixel(frame, row, u)[0]; };
  while (left > 0 && is_sky(left)) --left;
  while (right < 639 && is_sky(right)) ++right;
  EXPECT_NEAR(320 - left, 1.5 / kFarClip_m * kFocalLength_px, 2);
  EXPECT_NEAR(right - 320, 1.5 / kFarClip_m * kFocalLength_px, 2);
}

TEST(Camera, RowsAboveTheFirstAreLeftAlone) {
  const Track track(ring(20), 3.0);
  Camera camera(track, {});
  Image whole, part;
  camera.render(track.pose_at(3), 0, 1, whole);
  part.pixels.assign(size_t{640} * 480 * 3, 17);
  camera.render(track.pose_at(3), 240, 1, part);
  for (size_t i = 0; i < part.pixels.size(); ++i) ASSERT_EQ(part.pixels[i], i < size_t{240} * 640 * 3 ? 17 : whole.pixels[i]);
}

TEST(Camera, TheSamePoseGivesTheSamePicture) {
  const Track track(ring(20), 3.0);
  const Scenery rain = parse_scenery("rain+night");
  EXPECT_EQ(view(track, 0.2, rain), view(track, 0.2, rain));
}

TEST(Camera, SceneriesChangeWhatTheySay) {
  const Track track(ring(20), 3.0);
  EXPECT_NEAR(red_width(view(track, 0, parse_scenery("no_line")), 400), 0, 1e-9);
  EXPECT_EQ(pixel(view(track, 0, parse_scenery("white_line")), 479, 350)[1], 255);
  EXPECT_EQ(pixel(view(track, 0, parse_scenery("white_road")), 479, 5)[0], 225);
  const Image open = view(track, 0, parse_scenery("no_wall"));
  EXPECT_GT(pixel(open, 245, 10)[1], pixel(open, 245, 10)[0]);  // grass
  EXPECT_LT(pixel(view(track, 0, parse_scenery("night")), 100, 100)[2], 100);
  EXPECT_NE(view(track, 0, parse_scenery("rain")), view(track, 0));
  EXPECT_THROW(parse_scenery("snow"), Error);
}

}  // namespace
}  // namespace slimpilot
