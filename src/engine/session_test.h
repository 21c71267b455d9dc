// SPDX-License-Identifier: Apache-2.0
// Running plans in tests.
#pragma once

#include <vector>

#include "engine/session.h"

namespace slimpilot {

/// Outputs for one real input, which is quantized if the network takes integers.
inline std::vector<float> outputs_of(const Plan& plan, const std::vector<float>& input) {
  Session session(plan);
  session.write_input(input);
  session.run();
  std::vector<float> outputs;
  session.read_outputs(outputs);
  return outputs;
}

}  // namespace slimpilot
