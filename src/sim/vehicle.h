// SPDX-License-Identifier: Apache-2.0
// The robot's motion: a unicycle that obeys speed and angular speed at once (the study's ideal robot), or with lag and limits.
#pragma once

#include "sim/geometry.h"

namespace slimpilot {

/// What a pilot asks for: speed in m/s and angular speed in rad/s, + = left.
struct Command {
  double v = 0, w = 0;
  bool operator==(const Command&) const = default;
};

/// Zeros mean none: no lag, no limit.
struct VehicleLimits {
  double lag_s = 0;             // time constant with which v and w approach what is asked
  double max_speed = 0;         // m/s
  double max_turn = 0;          // rad/s
  double max_acceleration = 0;  // m/s²
};

class Vehicle {
 public:
  Vehicle(const Pose& start, const VehicleLimits& limits) : pose_(start), limits_(limits) {}

  const Pose& pose() const { return pose_; }
  /// The speeds that the robot really has.
  const Command& motion() const { return motion_; }

  /// Moves on by `seconds` (the physics step, 1 ms) while `command` holds, along the chord of the arc.
  void step(const Command& command, double seconds);

 private:
  Pose pose_;
  Command motion_;
  VehicleLimits limits_;
};

}  // namespace slimpilot
