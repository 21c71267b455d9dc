// SPDX-License-Identifier: Apache-2.0
// What one core of this machine can do at best, and how near a plan comes to it.
#pragma once

#include "engine/plan.h"

namespace slimpilot {

struct MachineLimits {
  double real_gmacs = 0, reduced_gmacs = 0, integer_gmacs = 0;  // 10⁹ multiply-adds per second in registers; reduced: bfloat16
  double read_gbytes = 0;  // 10⁹ bytes per second from a buffer as large as the plan's weights and activations
};

/// Measures for some tens of milliseconds with the plan's own instruction set.
MachineLimits measure_limits(const Plan& plan);

/// The least time of a step: `multiply_adds` (its own or those issued) at full rate or its bytes at full bandwidth, whichever
/// is longer.
double limit_ms(const Step& step, int64_t multiply_adds, const MachineLimits& limits);

}  // namespace slimpilot
