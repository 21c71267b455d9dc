// SPDX-License-Identifier: Apache-2.0
// Comma-separated text as recorders and spreadsheets write it: one row a line, a few quotes, numbers without a locale.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace slimpilot {

/// More rows than any drive has; a limit, because what is said about a bad row needs many times its bytes.
inline constexpr size_t kMaxRows = 2'000'000;

/// The lines of a text file without their ends (LF or CRLF), without a byte-order mark and without empty lines at the end.
/// Throws Error naming `path` when there are more than kMaxRows.
std::vector<std::string_view> split_lines(const std::filesystem::path& path, std::string_view text);

/// The fields of a CSV line, without surrounding blanks and quotes; a quoted field may hold commas and doubled quotes.
/// Splitting ends after 100 fields, which no table of ours has.
std::vector<std::string> split_fields(std::string_view line);

/// A finite decimal number, the whole of `text`; a label is one in single precision.
std::optional<double> parse_number(std::string_view text);
std::optional<float> parse_label(std::string_view text);

/// `text` for a message: at most 60 bytes, without control characters.
std::string printable(std::string_view text);

}  // namespace slimpilot
