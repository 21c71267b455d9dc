// SPDX-License-Identifier: Apache-2.0
// Runs a function in a forked child under limits of memory and time: for third-party parsers that may crash or hang on
// hostile input. It is no sandbox: the child keeps the parent's rights.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace slimpilot {

struct ChildLimits {
  size_t memory_bytes = 0;  // address space on top of what the parent has mapped (no limit under sanitizers)
  size_t result_bytes = 0;  // the longest answer that the parent takes
  int cpu_seconds = 0;
  int wall_seconds = 0;
};

/// Calls `work` in a child process and returns what it returned. Throws Error when `work` threw (with its message), crashed,
/// or needed more than `limits`; such messages begin with `task`, for example "the HDF5 reader". The child ends without
/// destructors and atexit functions, its stderr is silenced. Not for concurrent calls from several threads.
std::string run_in_child(const std::string& task, const std::function<std::string()>& work, const ChildLimits& limits);

}  // namespace slimpilot
