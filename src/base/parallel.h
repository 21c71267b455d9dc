// SPDX-License-Identifier: Apache-2.0
// Independent pieces of work on all cores.
#pragma once

#include <cstddef>
#include <functional>

namespace slimpilot {

/// Calls work(first, last) for consecutive parts of 0…count−1, each on a thread of its own (the last on the caller's), as many
/// as the machine has cores. Returns when all have ended; the first exception is thrown on.
void parallel_for(size_t count, const std::function<void(size_t first, size_t last)>& work);

}  // namespace slimpilot
