// SPDX-License-Identifier: Apache-2.0
// Another program as a pilot: it reads frames and says commands, as `slimpilot run` does.
#pragma once

#include "host/image_file.h"
#include "host/line_program.h"
#include "sim/vehicle.h"

namespace slimpilot {

/// The program gets raw RGB frames on its standard input and answers each at once with a line of JSON that holds
/// {"commands": {"v": 6.5, "w": 0.1}}, in m/s and rad/s; other members are of no interest. It ends when its input does.
class ProgramPilot {
 public:
  explicit ProgramPilot(const std::string& command) : program_(command) {}

  /// Throws Error when the answer is something else, and what LineProgram throws.
  Command operator()(const Image& frame);

 private:
  LineProgram program_;
};

}  // namespace slimpilot
