// SPDX-License-Identifier: Apache-2.0
// The two ways in which things go wrong. `Error`: the world is wrong (a file, an argument); the message says what, where
// and what to do, and reaches the user as it is. `check`: we are wrong; the program ends.
#pragma once

#include <stdexcept>
#include <string>

namespace slimpilot {

/// The input is at fault. One line: what is wrong, where, and what to do about it.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Prints the broken expectation and aborts.
[[noreturn]] void check_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace slimpilot

/// Aborts unless `condition` holds. For our own mistakes, never for bad input.
#define check(condition) ((condition) ? static_cast<void>(0) : ::slimpilot::check_failed(#condition, __FILE__, __LINE__))
