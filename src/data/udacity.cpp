// SPDX-License-Identifier: Apache-2.0
// Recordings of the Udacity simulator: driving_log.csv (center,left,right,steering,throttle,brake,speed; usually without
// a header) and IMG/. The paths in it are those of the recording computer, so only the file names count; the left and
// right cameras are not used.
#include "data/readers.h"
#include "host/atomic_file.h"
#include "host/csv.h"

namespace slimpilot {
namespace {

namespace fs = std::filesystem;

constexpr size_t kFields = 7, kFirstLabel = 3;

/// Adds the row to the frames or to the bad rows.
void add_row(LabelFile& file, int row, const std::vector<std::string>& fields) {
  const auto reject = [&](std::string reason) { file.bad.push_back({row, std::move(reason)}); };
  if (fields.size() != kFields) {
    return reject("has " + std::to_string(fields.size()) + " columns instead of " + std::to_string(kFields));
  }
  const std::string name = file_name(fields[0]);
  if (name.empty()) return reject("names no centre image");
  Frame frame{.image = file.recording.folder / "IMG" / name, .labels = {}, .row = row};
  for (size_t i = kFirstLabel; i < kFields; ++i) {
    const std::optional<float> label = parse_label(fields[i]);
    if (!label) {
      return reject(file.recording.columns[i - kFirstLabel] + " is not a finite number: '" + printable(fields[i]) + "'");
    }
    frame.labels.push_back(*label);
  }
  file.recording.frames.push_back(std::move(frame));
}

}  // namespace

LabelFile read_udacity(const fs::path& folder) {
  LabelFile file = empty_label_file(folder, "driving_log.csv", "udacity", {"steering", "throttle", "brake", "speed"});
  const std::string text = read_file(file.path);
  int row = 0;
  for (const std::string_view line : split_lines(file.path, text)) {
    const std::vector<std::string> fields = split_fields(line);
    if (++row == 1 && fields[0] == "center") continue;
    add_row(file, row, fields);
  }
  return file;
}

}  // namespace slimpilot
