// SPDX-License-Identifier: Apache-2.0
// The camera of the F1 robot: a pinhole without distortion, 640×480, pitch 0, and what it sees of a track: asphalt, painted
// lines, walls at the asphalt's edge, sky. Edges are antialiased by the share of a pixel's footprint that they cover.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "host/image_file.h"
#include "sim/geometry.h"
#include "sim/track.h"

namespace slimpilot {

inline constexpr int kCameraWidth = 640, kCameraHeight = 480, kHorizonRow = 240;
inline constexpr double kFocalLength_px = 320.25;                                               // 320 / tan(1.57/2)
inline constexpr double kCameraForward_m = 0.45, kCameraLeft_m = 0.04, kCameraHeight_m = 0.10;  // in the robot's frame
inline constexpr double kFarClip_m = 15, kLineWidth_m = 0.10, kWallHeight_m = 0.5;

/// How the world looks. The default is the study's; the others test what a network has really learned.
struct Scenery {
  enum class Line : uint8_t { red, white, none };
  Line line = Line::red;
  bool white_road = false, walls = true, night = false, rain = false;
  bool operator==(const Scenery&) const = default;
};

/// Reads "default" or names of variants joined by '+': no_line, white_line, white_road, no_wall, night, rain. Throws Error with
/// the names for anything else.
Scenery parse_scenery(std::string_view text);

/// Draws frames of one track. Belongs to one thread; the track must outlive it.
class Camera {
 public:
  Camera(const Track& track, const Scenery& scenery);

  /// The frame seen from `robot`. Rows above `first_row` are left as they are: a pilot that crops them does not pay for them.
  /// `noise_seed` changes the rain, if there is rain.
  void render(const Pose& robot, int first_row, uint64_t noise_seed, Image& frame);

 private:
  struct Color {
    float r, g, b;
  };
  struct View;
  void find_walls(const View& view);
  void turn_sky(const View& view);
  void draw_sky_row(int row, uint8_t* pixels) const;
  void ground_distances(const View& view, double row, std::vector<float>& distances) const;
  void draw_ground_row(uint8_t* pixels) const;
  void draw_ground_pixel(size_t u, uint8_t* pixel) const;
  const uint8_t* plain_color(size_t u) const;
  void draw_walls_row(int row, uint8_t* pixels) const;
  void draw_rain(uint64_t seed, int first_row, Image& frame) const;

  const Track* track_;
  Scenery scenery_;
  Color asphalt_, line_, edge_, grass_, wall_;
  const std::vector<uint8_t>* sky_;                  // a panorama, rows of kSkyColumns RGB pixels
  std::vector<int> azimuth_, sky_column_;            // per column, in columns of the panorama: from the axis, in the world
  std::vector<uint8_t> plain_asphalt_, plain_line_;  // kSparse pixels of one colour
  std::vector<double> ray_length_;                   // per column: how far a ray goes while it gets 1 m ahead
  std::vector<float> distance_, distance_below_;     // of a row's pixels and of those a row lower, to the centre line
  std::vector<float> wall_top_, wall_bottom_, wall_shade_;  // per column; no wall: bottom ≤ top
};

}  // namespace slimpilot
