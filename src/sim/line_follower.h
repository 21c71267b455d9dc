// SPDX-License-Identifier: Apache-2.0
// The teacher: a pilot that knows where the robot is and where the line goes. Its command is a function of the place alone, so
// a network that sees one frame can learn all of it, and it steers by what is near, so that small errors do not add up.
#pragma once

#include "sim/track.h"
#include "sim/vehicle.h"

namespace slimpilot {

/// Pure pursuit (Coulter 1992): on the circle that is tangent to the heading and meets the line a fixed time ahead.
class LineFollower {
 public:
  static constexpr double kLeastSpeed = 6.5;  // m/s, the least that the study's networks can ask for

  static constexpr double kTopSpeed = 10;

  /// Drives at up to `top_speed` (m/s, at least kLeastSpeed). The track must outlive it.
  LineFollower(const Track& track, bool reverse, double top_speed = kTopSpeed)
      : track_(&track), reverse_(reverse), top_speed_(top_speed) {}

  /// What to do at `pose`, which is about `arc_m` along the line (Track::locate's meaning).
  Command operator()(const Pose& pose, double arc_m) const;

 private:
  /// The point on the line that lies `ahead_m` farther in the driving direction.
  Point ahead(double arc_m, double ahead_m) const;
  double speed(double arc_m) const;
  double pursue(const Pose& pose, double arc_m, double v) const;

  const Track* track_;
  bool reverse_;
  double top_speed_;
};

}  // namespace slimpilot
