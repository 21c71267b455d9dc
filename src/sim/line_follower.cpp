// SPDX-License-Identifier: Apache-2.0
#include "sim/line_follower.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace slimpilot {
namespace {

constexpr double kAhead_s = 0.18;              // how far ahead it aims
constexpr double kDelay_s = 0.05;              // from frame to the middle of its command's reign, at the study's periods
constexpr double kSeen_m = 6, kSpacing_m = 1;  // bends within this far ahead set the speed; chords that measure them
constexpr double kSideways = 14;               // m/s², what a bend may take

}  // namespace

Point LineFollower::ahead(double arc_m, double ahead_m) const {
  return track_->pose_at(arc_m + (reverse_ ? -ahead_m : ahead_m)).position;
}

double LineFollower::speed(double arc_m) const {
  double sharpest = 0;  // 1/m
  for (double s = 0; s < kSeen_m; s += kSpacing_m) {
    const Point a = ahead(arc_m, s), b = ahead(arc_m, s + kSpacing_m), c = ahead(arc_m, s + 2 * kSpacing_m);
    const double turn =
        std::remainder(std::atan2(c.y - b.y, c.x - b.x) - std::atan2(b.y - a.y, b.x - a.x), 2 * std::numbers::pi);
    sharpest = std::max(sharpest, std::abs(turn) / kSpacing_m);
  }
  return std::clamp(std::sqrt(kSideways / std::max(sharpest, 1e-3)), kLeastSpeed, top_speed_);
}

double LineFollower::pursue(const Pose& pose, double arc_m, double v) const {
  const Point goal = ahead(arc_m, kAhead_s * v);
  const double dx = goal.x - pose.position.x, dy = goal.y - pose.position.y;
  const double left = dy * std::cos(pose.heading) - dx * std::sin(pose.heading);
  return 2 * v * left / (dx * dx + dy * dy);
}

Command LineFollower::operator()(const Pose& pose, double arc_m) const {
  const double v = speed(arc_m), w = pursue(pose, arc_m, v);
  Vehicle then(pose, {});
  then.step({v, w}, kDelay_s);
  return {v, pursue(then.pose(), track_->locate(then.pose().position, arc_m).arc_m, v)};
}

}  // namespace slimpilot
