// SPDX-License-Identifier: Apache-2.0
#include "sim/vehicle.h"

#include <algorithm>
#include <cmath>

namespace slimpilot {
namespace {

double limited(double x, double limit) { return limit > 0 ? std::clamp(x, -limit, limit) : x; }

}  // namespace

void Vehicle::step(const Command& command, double seconds) {
  const double share = limits_.lag_s > 0 ? 1 - std::exp(-seconds / limits_.lag_s) : 1;
  const double dv = share * (limited(command.v, limits_.max_speed) - motion_.v);
  motion_.v += limited(dv, limits_.max_acceleration * seconds);
  motion_.w += share * (limited(command.w, limits_.max_turn) - motion_.w);
  const double middle = pose_.heading + motion_.w * seconds / 2;
  pose_.position.x += motion_.v * seconds * std::cos(middle);
  pose_.position.y += motion_.v * seconds * std::sin(middle);
  pose_.heading += motion_.w * seconds;
}

}  // namespace slimpilot
