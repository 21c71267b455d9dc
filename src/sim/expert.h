// SPDX-License-Identifier: Apache-2.0
// The expert: a classical pilot that follows the red line with a PD controller. It generates the training data and is the
// baseline that networks are compared with. Its rules and constants are those of the study's recorder.
#pragma once

#include "host/image_file.h"
#include "sim/vehicle.h"

namespace slimpilot {

/// Keeps state between frames: its errors, how long the road has been straight, how far it has accelerated.
class Expert {
 public:
  /// The camera's rows from here on are all that it looks at.
  static constexpr int kFirstRow = 230;
  static constexpr double kTopSpeed = 24;  // m/s

  /// `top_speed` (m/s, at least 8): what it accelerates to on straights. The study's is 24; below, it drives the same line.
  explicit Expert(double top_speed = kTopSpeed) : top_speed_(top_speed) {}

  /// `frame`: 640×480.
  Command operator()(const Image& frame);

 private:
  double top_speed_;
  double error_ = 0;
  double throttle_ = 2;  // on a straight, a quarter of the speed
  bool curve_ = false;
  int straight_frames_ = 0;
};

}  // namespace slimpilot
