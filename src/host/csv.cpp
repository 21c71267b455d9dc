// SPDX-License-Identifier: Apache-2.0
// Splitting and reading comma-separated text.
#include "host/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"

namespace slimpilot {
namespace {

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::string unquoted(std::string_view field) {
  if (field.size() < 2 || field.front() != '"' || field.back() != '"') return std::string(field);
  std::string plain;
  field = field.substr(1, field.size() - 2);
  for (size_t i = 0; i < field.size(); ++i) {
    plain += field[i];
    if (field[i] == '"' && i + 1 < field.size() && field[i + 1] == '"') ++i;
  }
  return plain;
}

template <typename T>
std::optional<T> parse(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace

std::vector<std::string_view> split_lines(const std::filesystem::path& path, std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    if (lines.size() > kMaxRows) throw Error(path.string() + ": has more than 2 million rows; split the file");
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  while (!lines.empty() && trimmed(lines.back()).empty()) lines.pop_back();
  return lines;
}

std::vector<std::string> split_fields(std::string_view line) {
  std::vector<std::string> fields;
  constexpr size_t kMaxFields = 100;
  bool quoted = false;
  size_t begin = 0;
  for (size_t i = 0; i <= line.size() && fields.size() < kMaxFields; ++i) {
    if (i < line.size() && line[i] == '"') quoted = !quoted;
    if (i < line.size() && (line[i] != ',' || quoted)) continue;
    fields.push_back(unquoted(trimmed(line.substr(begin, i - begin))));
    begin = i + 1;
  }
  return fields;
}

std::optional<float> parse_label(std::string_view text) { return parse<float>(text); }

std::optional<double> parse_number(std::string_view text) { return parse<double>(text); }

std::string printable(std::string_view text) {
  constexpr size_t kLongest = 60;
  std::string clean(text.substr(0, kLongest));
  std::replace_if(
      clean.begin(), clean.end(), [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; }, '?');
  return text.size() > kLongest ? clean + "…" : clean;
}

}  // namespace slimpilot
