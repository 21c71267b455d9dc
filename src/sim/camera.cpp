// SPDX-License-Identifier: Apache-2.0
// Rows are drawn one by one. The ground of a row is a straight line in the world, along which the distance to the centre line
// is looked up and differentiated; where pixels are small it is looked up every eighth pixel and interpolated.
#include "sim/camera.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"

namespace slimpilot {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr int kSkyColumns = 2048;
constexpr int kSparse = 8;               // pixels between look-ups…
constexpr double kSparseWithin_m = 1.6;  // …nearer than this: 4 cm apart at most
constexpr float kNightLight = 0.35f;
constexpr float kEdgeInset_m = 0.10f;  // from the asphalt's edge to the middle of the white line

float clamp01(float x) { return x < 0 ? 0 : x > 1 ? 1 : x; }

uint8_t to_byte(float x) { return static_cast<uint8_t>(x < 0 ? 0 : x > 255 ? 255 : x + 0.5f); }

/// The share of [x − footprint/2, x + footprint/2] that lies in [middle − half, middle + half].
float covered(float x, float footprint, float middle, float half) {
  const float reach = footprint / 2, low = std::max(x - reach, middle - half), high = std::min(x + reach, middle + half);
  return high > low ? (high - low) / footprint : 0;
}

/// A panorama of clouds: sums of sines around, paler towards the horizon.
std::vector<uint8_t> make_sky(float light) {
  std::vector<uint8_t> sky;
  sky.reserve(static_cast<size_t>(kHorizonRow) * kSkyColumns * 3);
  for (int row = 0; row < kHorizonRow; ++row)
    for (int column = 0; column < kSkyColumns; ++column) {
      const double a = 2 * kPi * column / kSkyColumns, h = row / static_cast<double>(kHorizonRow);
      const double waves = std::sin(5 * a + 9 * h) + std::sin(11 * a - 17 * h + 1) + std::sin(23 * a + 31 * h + 2) / 2;
      const auto cloud = static_cast<float>(std::clamp((waves - 0.6) / 2, 0.0, 1.0) * (1 - h * h)),
                 depth = static_cast<float>(h);
      const auto mix = [&](float top, float bottom) {
        return to_byte(light * ((top + depth * (bottom - top)) * (1 - cloud) + 240 * cloud));
      };
      sky.insert(sky.end(), {mix(140, 205), mix(178, 215), mix(220, 225)});
    }
  return sky;
}

/// Made once: it takes longer than a hundred frames.
const std::vector<uint8_t>& sky(bool night) {
  if (night) {
    static const std::vector<uint8_t> kNight = make_sky(kNightLight);
    return kNight;
  }
  static const std::vector<uint8_t> kDay = make_sky(1);
  return kDay;
}

}  // namespace

/// The camera's place and the unit vectors ahead and to the left, for one frame.
struct Camera::View {
  double x, y, ahead_x, ahead_y, heading;

  explicit View(const Pose& robot)
      : ahead_x(std::cos(robot.heading)), ahead_y(std::sin(robot.heading)), heading(robot.heading) {
    x = robot.position.x + kCameraForward_m * ahead_x - kCameraLeft_m * ahead_y;
    y = robot.position.y + kCameraForward_m * ahead_y + kCameraLeft_m * ahead_x;
  }
  /// The point `ahead` metres before the camera and `left` beside its axis.
  Point ground(double ahead, double left) const {
    return {x + ahead * ahead_x - left * ahead_y, y + ahead * ahead_y + left * ahead_x};
  }
};

Scenery parse_scenery(std::string_view text) {
  Scenery scenery;
  if (text == "default") return scenery;
  for (size_t first = 0; first <= text.size();) {
    const size_t end = std::min(text.find('+', first), text.size());
    const std::string_view word = text.substr(first, end - first);
    first = end + 1;
    if (word == "no_line")
      scenery.line = Scenery::Line::none;
    else if (word == "white_line")
      scenery.line = Scenery::Line::white;
    else if (word == "white_road")
      scenery.white_road = true;
    else if (word == "no_wall")
      scenery.walls = false;
    else if (word == "night")
      scenery.night = true;
    else if (word == "rain")
      scenery.rain = true;
    else
      throw Error("there is no scenery '" + std::string(word) +
                  "'; it is default, or no_line, white_line, white_road, no_wall, night, rain joined by '+'");
  }
  return scenery;
}

Camera::Camera(const Track& track, const Scenery& scenery) : track_(&track), scenery_(scenery) {
  const float light = scenery.night ? kNightLight : 1;
  const auto lit = [&](float r, float g, float b) { return Color{r * light, g * light, b * light}; };
  asphalt_ = scenery.white_road ? lit(225, 225, 225) : lit(92, 92, 96);
  edge_ = scenery.white_road ? lit(70, 70, 70) : lit(235, 235, 235);
  line_ = scenery.line == Scenery::Line::red     ? lit(255, 0, 0)
          : scenery.line == Scenery::Line::white ? lit(255, 255, 255)
                                                 : asphalt_;
  grass_ = lit(104, 128, 84);
  wall_ = lit(168, 162, 154);
  sky_ = &sky(scenery.night);
  for (int u = 0; u < kCameraWidth; ++u) {
    const double left = (kCameraWidth / 2 - u) / kFocalLength_px;
    ray_length_.push_back(std::hypot(1.0, left));
    azimuth_.push_back(static_cast<int>(std::lround(std::atan(left) * kSkyColumns / (2 * kPi))));
  }
  for (int i = 0; i < kSparse; ++i) {
    plain_asphalt_.insert(plain_asphalt_.end(), {to_byte(asphalt_.r), to_byte(asphalt_.g), to_byte(asphalt_.b)});
    plain_line_.insert(plain_line_.end(), {to_byte(line_.r), to_byte(line_.g), to_byte(line_.b)});
  }
  sky_column_.resize(kCameraWidth);
  for (auto* row : {&distance_, &distance_below_, &wall_top_, &wall_bottom_, &wall_shade_}) row->resize(kCameraWidth);
}

// Follows each column's ray over the ground: the wall is at least (half width − |distance|) away, so steps of that length
// never miss it.
void Camera::find_walls(const View& view) {
  const auto half_width = static_cast<float>(track_->half_width_m());
  for (int u = 0; u < kCameraWidth; ++u) {
    const double left = (kCameraWidth / 2 - u) / kFocalLength_px, length = ray_length_[static_cast<size_t>(u)];
    double ahead = 0.1;
    const auto distance_at = [&](double z) {
      const Point p = view.ground(z, z * left);
      return track_->signed_distance(static_cast<float>(p.x), static_cast<float>(p.y));
    };
    float here = distance_at(ahead);
    while (ahead < kFarClip_m && half_width - std::abs(here) > 0.002f) {
      ahead += std::max(static_cast<double>(half_width - std::abs(here)), 0.01) / length;
      here = distance_at(ahead);
    }
    const auto i = static_cast<size_t>(u);
    if (ahead >= kFarClip_m) {
      wall_top_[i] = wall_bottom_[i] = 0;
      continue;
    }
    wall_bottom_[i] = static_cast<float>(kHorizonRow + kFocalLength_px * kCameraHeight_m / ahead);
    wall_top_[i] = static_cast<float>(kHorizonRow - kFocalLength_px * (kWallHeight_m - kCameraHeight_m) / ahead);
    const float across = (std::abs(distance_at(ahead - 0.05)) - std::abs(here)) / 0.05f;  // how squarely the ray meets the wall
    wall_shade_[i] = 0.75f + 0.25f * std::min(1.0f, std::abs(across));
  }
}

void Camera::turn_sky(const View& view) {
  const auto axis = std::llround(view.heading * kSkyColumns / (2 * kPi));
  for (size_t u = 0; u < kCameraWidth; ++u)
    sky_column_[u] = static_cast<int>((((axis + azimuth_[u]) % kSkyColumns) + kSkyColumns) % kSkyColumns);
}

void Camera::draw_sky_row(int row, uint8_t* pixels) const {
  const uint8_t* panorama = &(*sky_)[static_cast<size_t>(std::min(row, kHorizonRow - 1) * kSkyColumns * 3)];
  for (size_t u = 0; u < kCameraWidth; ++u) std::copy_n(panorama + 3 * sky_column_[u], 3, pixels + 3 * u);
}

void Camera::ground_distances(const View& view, double row, std::vector<float>& distances) const {
  const double ahead = kFocalLength_px * kCameraHeight_m / (row - kHorizonRow), pixel = ahead / kFocalLength_px;
  const Point first = view.ground(ahead, pixel * (kCameraWidth / 2));
  const double dx = view.ahead_y * pixel, dy = -view.ahead_x * pixel;
  const auto at = [&](int u) {
    return track_->signed_distance(static_cast<float>(first.x + u * dx), static_cast<float>(first.y + u * dy));
  };
  if (ahead > kSparseWithin_m) {
    for (int u = 0; u < kCameraWidth; ++u) distances[static_cast<size_t>(u)] = at(u);
    return;
  }
  float before = at(0);
  for (int u = 0; u < kCameraWidth; u += kSparse) {
    const float after = at(u + kSparse), slope = (after - before) / kSparse;
    for (int k = 0; k < kSparse; ++k) distances[static_cast<size_t>(u + k)] = before + static_cast<float>(k) * slope;
    before = after;
  }
}

/// The colours of kSparse pixels from column u on if all lie well inside the asphalt or well inside the line; else null.
const uint8_t* Camera::plain_color(size_t u) const {
  constexpr float kHalf = static_cast<float>(kLineWidth_m / 2);
  const float first = distance_[u], last = distance_[u + kSparse - 1];
  const float margin =
      std::abs(last - first) + std::abs(distance_below_[u] - first) + std::abs(distance_below_[u + kSparse - 1] - last);
  const float most = std::max(std::abs(first), std::abs(last)), least = std::min(std::abs(first), std::abs(last));
  if (most < kHalf - margin) return plain_line_.data();
  const float edge = static_cast<float>(track_->half_width_m()) - kEdgeInset_m - kHalf;
  return first * last > 0 && least > kHalf + margin && most < edge - margin ? plain_asphalt_.data() : nullptr;
}

// A pixel's footprint in distance is what the distance changes by to the next column and to the next row.
void Camera::draw_ground_pixel(size_t u, uint8_t* pixel) const {
  constexpr float kHalf = static_cast<float>(kLineWidth_m / 2);
  const auto half_width = static_cast<float>(track_->half_width_m());
  const size_t next = u + 1 < kCameraWidth ? u + 1 : u - 1;
  const float d = distance_[u], away = std::abs(d);
  const float footprint = std::max(std::abs(distance_[next] - d) + std::abs(distance_below_[u] - d), 1e-4f);
  const float line = covered(d, footprint, 0, kHalf), edge = covered(away, footprint, half_width - kEdgeInset_m, kHalf);
  const float grass = scenery_.walls ? 0 : clamp01((away - half_width) / footprint + 0.5f);
  const float road = 1 - line - edge;
  const auto mix = [&](float a, float l, float e, float g) {
    return to_byte((road * a + line * l + edge * e) * (1 - grass) + grass * g);
  };
  pixel[0] = mix(asphalt_.r, line_.r, edge_.r, grass_.r);
  pixel[1] = mix(asphalt_.g, line_.g, edge_.g, grass_.g);
  pixel[2] = mix(asphalt_.b, line_.b, edge_.b, grass_.b);
}

void Camera::draw_ground_row(uint8_t* pixels) const {
  for (size_t u = 0; u < kCameraWidth; u += kSparse) {
    if (const uint8_t* plain = plain_color(u))
      std::copy_n(plain, 3 * kSparse, pixels + 3 * u);
    else
      for (size_t k = u; k < u + kSparse; ++k) draw_ground_pixel(k, pixels + 3 * k);
  }
}

void Camera::draw_walls_row(int row, uint8_t* pixels) const {
  const auto v = static_cast<float>(row);
  for (int u = 0; u < kCameraWidth; ++u) {
    const auto i = static_cast<size_t>(u);
    const float share = clamp01(wall_bottom_[i] - v + 0.5f) * clamp01(v - wall_top_[i] + 0.5f);
    if (share <= 0) continue;
    const auto mix = [&](uint8_t& pixel, float wall) { pixel = to_byte(pixel + share * (wall * wall_shade_[i] - pixel)); };
    mix(pixels[3 * u], wall_.r), mix(pixels[3 * u + 1], wall_.g), mix(pixels[3 * u + 2], wall_.b);
  }
}

/// Bright streaks of a few pixels, and noise.
void Camera::draw_rain(uint64_t seed, int first_row, Image& frame) const {
  Random random(seed);
  const auto add = [](uint8_t& pixel, int amount) { pixel = static_cast<uint8_t>(std::clamp(pixel + amount, 0, 255)); };
  for (int streak = 0; streak < 250; ++streak) {
    const auto u = static_cast<int>(random.below(kCameraWidth)), v = static_cast<int>(random.below(kCameraHeight));
    const int length = 8 + static_cast<int>(random.below(18));
    for (int row = std::max(v, first_row); row < std::min(v + length, kCameraHeight); ++row)
      for (int c = 0; c < 3; ++c) add(frame.pixels[static_cast<size_t>((row * kCameraWidth + u) * 3 + c)], 50);
  }
  for (size_t i = static_cast<size_t>(first_row * kCameraWidth * 3); i < frame.pixels.size(); i += 8) {
    const uint64_t bits = random.next();
    for (size_t k = 0; k < 8; ++k) add(frame.pixels[i + k], static_cast<int>((bits >> (8 * k)) & 15) - 8);
  }
}

void Camera::render(const Pose& robot, int first_row, uint64_t noise_seed, Image& frame) {
  check(first_row >= 0 && first_row < kCameraHeight);
  frame.height = kCameraHeight, frame.width = kCameraWidth;
  frame.pixels.resize(static_cast<size_t>(kCameraHeight) * kCameraWidth * 3);
  const View view(robot);
  turn_sky(view);
  const int last_sky_row = kHorizonRow + static_cast<int>(kFocalLength_px * kCameraHeight_m / kFarClip_m);
  int walls_from = kCameraHeight, walls_to = 0;
  if (scenery_.walls) {
    find_walls(view);
    for (size_t u = 0; u < kCameraWidth; ++u)
      if (wall_bottom_[u] > wall_top_[u]) {
        walls_from = std::min(walls_from, static_cast<int>(wall_top_[u]) - 1);
        walls_to = std::max(walls_to, static_cast<int>(wall_bottom_[u]) + 1);
      }
  }
  ground_distances(view, kCameraHeight, distance_);
  for (int row = kCameraHeight - 1; row >= first_row; --row) {
    uint8_t* pixels = &frame.pixels[static_cast<size_t>(row * kCameraWidth * 3)];
    if (row > last_sky_row) {
      distance_.swap(distance_below_);
      ground_distances(view, row, distance_);
      draw_ground_row(pixels);
    } else {
      draw_sky_row(row, pixels);
    }
    if (row >= walls_from && row <= walls_to) draw_walls_row(row, pixels);
  }
  if (scenery_.rain) draw_rain(noise_seed, first_row, frame);
}

}  // namespace slimpilot
