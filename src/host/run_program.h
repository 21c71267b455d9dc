// SPDX-License-Identifier: Apache-2.0
// Runs another program as a filter: text in, text out. No shell is involved, so nothing in the arguments or the text needs
// quoting for one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace slimpilot {

struct ProgramResult {
  int exit_code = 0;  // 128 + signal when a signal ended it
  std::string output, errors;
};

/// Starts `words[0]` (searched in PATH) with the other words as its arguments and `input` on its standard input, and waits
/// for its end. Nothing when there is no such program. Throws Error when temporary files or processes cannot be had.
std::optional<ProgramResult> run_program(const std::vector<std::string>& words, std::string_view input);

}  // namespace slimpilot
