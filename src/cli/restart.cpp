// SPDX-License-Identifier: Apache-2.0
// Starting anew with another environment.
#include "cli/restart.h"

#include <unistd.h>

#include <cstdlib>
#include <vector>

namespace slimpilot {

void restart_with_passive_waiting(int argc, char** argv) {
  constexpr const char* name = "OMP_WAIT_POLICY";
  if (std::getenv(name) != nullptr || setenv(name, "passive", 0) != 0) return;
  char program[] = "slimpilot";
  std::vector<char*> words{program};
  words.insert(words.end(), argv, argv + argc);
  words.push_back(nullptr);
  execv("/proc/self/exe", words.data());
}

}  // namespace slimpilot
