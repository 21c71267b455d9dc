// SPDX-License-Identifier: Apache-2.0
// Independent pieces of work on all cores.
#include "base/parallel.h"

#include <algorithm>
#include <exception>
#include <thread>
#include <vector>

namespace slimpilot {

void parallel_for(size_t count, const std::function<void(size_t, size_t)>& work) {
  const size_t parts = std::max<size_t>(1, std::min<size_t>(count, std::thread::hardware_concurrency()));
  std::vector<std::exception_ptr> failures(parts);
  const auto part = [&](size_t i) {
    try {
      work(count * i / parts, count * (i + 1) / parts);
    } catch (...) {
      failures[i] = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i + 1 < parts; ++i) threads.emplace_back(part, i);
    part(parts - 1);
  }
  for (const auto& failure : failures)
    if (failure) std::rethrow_exception(failure);
}

}  // namespace slimpilot
