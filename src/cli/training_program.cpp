// SPDX-License-Identifier: Apache-2.0
// The other program.
#include "cli/training_program.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

namespace slimpilot {

void continue_as_training_program(int argc, char** argv) {
  std::error_code failed;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", failed);
  const auto program = self.parent_path() / "slimpilot_training";
  if (failed || self == program || !std::filesystem::exists(program, failed)) return;
  setenv("OMP_WAIT_POLICY", "passive", 0);
  std::string name = "slimpilot";
  std::vector<char*> words{name.data()};
  words.insert(words.end(), argv, argv + argc);
  words.push_back(nullptr);
  execv(program.c_str(), words.data());
}

}  // namespace slimpilot
