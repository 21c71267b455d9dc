// SPDX-License-Identifier: Apache-2.0
#include "host/machine.h"

#include <fstream>

#include "base/hash.h"
#include "host/atomic_file.h"

namespace slimpilot {

std::string program_text() {
  const std::string bytes = read_file("/proc/self/exe");
  Hash hash;
  hash.add(bytes.data(), bytes.size());
  return std::to_string(hash.value());
}

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(std::min(line.size(), line.find(':') + 2));
  return "unknown";
}

}  // namespace slimpilot
