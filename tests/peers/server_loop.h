// SPDX-License-Identifier: Apache-2.0
// What the C++ servers of scripts/compare_peers have in common: requests line by line over standard input and output, so that
// another program can take turns between runtimes. peer_server.py answers the same requests.
//
//   "run 3 0 7"   runs these frames and prints their nanoseconds        "outputs 3"   runs a frame and prints the outputs
#pragma once

#include <chrono>
#include <cstdint>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace slimpilot {

template <typename Function>
int64_t nanoseconds_of(Function&& function) {
  const auto start = std::chrono::steady_clock::now();
  function();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - start).count();
}

/// Says that the network is ready and answers until the input ends. `run(frame)` gives nanoseconds, `outputs()` the last run's
/// real numbers. `isa`: what it runs with.
template <typename Run, typename Outputs>
void answer_requests(size_t frames, const std::string& isa, Run&& run, Outputs&& outputs) {
  std::cout << "ready " << frames << ' ' << isa << std::endl;
  for (std::string request; std::getline(std::cin, request);) {
    std::istringstream words(request);
    std::ostringstream reply;
    std::string command;
    reply.precision(9);
    words >> command;
    for (size_t frame = 0; words >> frame;) {
      if (frame >= frames) throw std::out_of_range("there is no frame " + std::to_string(frame));
      const int64_t ns = run(frame);
      if (command == "run") reply << ns << ' ';
      if (command != "outputs") continue;
      for (const float output : outputs()) reply << output << ' ';
    }
    std::cout << reply.str() << std::endl;
  }
}

}  // namespace slimpilot
