// SPDX-License-Identifier: Apache-2.0
// What `check` does when an expectation is broken.
#include "base/error.h"

#include <cstdio>
#include <cstdlib>

namespace slimpilot {

void check_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "slimpilot: internal error: %s does not hold (%s:%d)\n", expression, file, line);
  std::abort();
}

}  // namespace slimpilot
