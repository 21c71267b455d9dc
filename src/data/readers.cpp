// SPDX-License-Identifier: Apache-2.0
// What several readers need.
#include "data/readers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace slimpilot {

LabelFile empty_label_file(const std::filesystem::path& folder, const char* name, const char* format,
                           std::vector<std::string> columns) {
  LabelFile file{.path = folder / name, .recording = {}, .bad = {}};
  file.recording.folder = folder;
  file.recording.format = format;
  file.recording.columns = std::move(columns);
  return file;
}

std::string file_name(const std::string& path) {
  const size_t slash = path.find_last_of("/\\");
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  return name == "." || name == ".." || name.find('\0') != std::string::npos ? "" : name;
}

size_t column_of(const LabelFile& file, const std::vector<std::string>& header, const std::string& name,
                 const std::string& whole_header) {
  const auto found = std::find(header.begin(), header.end(), name);
  if (found == header.end())
    throw Error(file.path.string() + ": its first line has no column '" + name + "'; it must be " + whole_header);
  return static_cast<size_t>(found - header.begin());
}

std::optional<float> json_label(const nlohmann::json& object, const char* name) {
  if (!object.is_object() || !object.contains(name) || !object[name].is_number()) return std::nullopt;
  const double label = object[name].get<double>();
  if (!(std::abs(label) <= std::numeric_limits<float>::max())) return std::nullopt;
  return static_cast<float>(label);
}

}  // namespace slimpilot
