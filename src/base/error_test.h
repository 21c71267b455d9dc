// SPDX-License-Identifier: Apache-2.0
// For tests of what errors say.
#pragma once

#include <string>

#include "base/error.h"

namespace slimpilot {

/// The message of the Error that `work` throws.
template <class F>
std::string error_of(const F& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace slimpilot
