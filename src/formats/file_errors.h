// SPDX-License-Identifier: Apache-2.0
// What importers do with the errors of their parts: put the file's name in front.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>

#include "base/error.h"

namespace slimpilot {

/// Calls `read`; an Error of it gets "PATH: " in front and loses control characters, since names in hostile files may drive a
/// terminal.
template <class Read>
auto with_file_name(const std::filesystem::path& path, const Read& read) {
  try {
    return read();
  } catch (const Error& error) {
    std::string message = path.string() + ": " + error.what();
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; };
    std::replace_if(message.begin(), message.end(), is_control, '?');
    throw Error(message);
  }
}

}  // namespace slimpilot
