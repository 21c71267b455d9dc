// SPDX-License-Identifier: Apache-2.0
// Whole files in and out. What is written appears under its name complete or not at all, so a killed run leaves no half
// file.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace slimpilot {

/// Whether a write waits for the disk. Both survive a killed program; only `disk` survives a power cut, for milliseconds a
/// file.
enum class Durability { disk, cache };

/// Writes a temporary file beside `path`, flushes it to the disk and renames it to `path`, replacing a file that is
/// there. Throws Error with path and reason, leaving no temporary file; refuses a `path` that is no regular file.
void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes,
                           Durability durability = Durability::disk);
inline void write_file_atomically(const std::filesystem::path& path, std::string_view text) {
  write_file_atomically(path, std::as_bytes(std::span(text)));
}

/// Removes from `folder` the temporary files that killed programs have left; those of programs that run stay.
void remove_torn_files(const std::filesystem::path& folder);

/// The bytes of a regular file. Throws Error with path and reason.
std::string read_file(const std::filesystem::path& path);

}  // namespace slimpilot
