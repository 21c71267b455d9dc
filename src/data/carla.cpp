// SPDX-License-Identifier: Apache-2.0
// Recordings of the CARLA simulator as DeepLearningStudio has them: dataset.csv (image_id,throttle,steer,brake,velocity,
// timestamp) and the images that it names beside it.
#include <algorithm>

#include "base/error.h"
#include "data/readers.h"
#include "host/atomic_file.h"
#include "host/csv.h"

namespace slimpilot {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHeader = "image_id,throttle,steer,brake,velocity,timestamp";

/// Where the columns that we read stand.
struct Columns {
  size_t count, image;
  std::vector<size_t> labels;
};

Columns find_columns(LabelFile& file, const std::vector<std::string>& header) {
  Columns columns{.count = header.size(), .image = column_of(file, header, "image_id", kHeader), .labels = {}};
  for (const char* name : {"throttle", "steer", "brake"}) columns.labels.push_back(column_of(file, header, name, kHeader));
  const auto velocity = std::find(header.begin(), header.end(), "velocity");  // older recordings have none
  if (velocity == header.end()) return columns;
  columns.labels.push_back(static_cast<size_t>(velocity - header.begin()));
  file.recording.columns.push_back("velocity");
  return columns;
}

/// Adds the row to the frames or to the bad rows.
void add_row(LabelFile& file, const Columns& columns, int row, const std::vector<std::string>& fields) {
  const auto reject = [&](std::string reason) { file.bad.push_back({row, std::move(reason)}); };
  if (fields.size() != columns.count)
    return reject("has " + std::to_string(fields.size()) + " columns instead of " + std::to_string(columns.count));
  std::string name = file_name(fields[columns.image]);
  if (name.empty()) return reject("names no image");
  if (name.find('.') == std::string::npos) name += ".png";
  Frame frame{.image = file.recording.folder / name, .labels = {}, .row = row};
  for (size_t i = 0; i < columns.labels.size(); ++i) {
    const std::string& field = fields[columns.labels[i]];
    const std::optional<float> label = parse_label(field);
    if (!label) return reject(file.recording.columns[i] + " is not a finite number: '" + printable(field) + "'");
    frame.labels.push_back(*label);
  }
  file.recording.frames.push_back(std::move(frame));
}

}  // namespace

LabelFile read_carla(const fs::path& folder) {
  LabelFile file = empty_label_file(folder, "dataset.csv", "carla", {"throttle", "steer", "brake"});
  const std::string text = read_file(file.path);
  const std::vector<std::string_view> lines = split_lines(file.path, text);
  if (lines.empty()) throw Error(file.path.string() + ": is empty; it must begin with " + kHeader);
  const Columns columns = find_columns(file, split_fields(lines[0]));
  for (size_t i = 1; i < lines.size(); ++i) add_row(file, columns, static_cast<int>(i) + 1, split_fields(lines[i]));
  return file;
}

}  // namespace slimpilot
