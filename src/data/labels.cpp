// SPDX-License-Identifier: Apache-2.0
// Choosing and scaling label columns.
#include "data/labels.h"

#include <algorithm>

#include "base/error.h"
#include "host/args.h"
#include "host/csv.h"

namespace slimpilot {
namespace {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// What networks of the projects that use a format predict; the usual number of outputs first.
struct Habit {
  std::string_view format;  // or its beginning
  std::vector<LabelColumn> columns;
};
const std::vector<Habit>& habits() {
  static const std::vector<Habit> all{{"formula1", {{"v", 6.5f, 24}, {"w", -7.1f, 7.1f}}},
                                      {"udacity", {{"steering"}}},
                                      {"udacity", {{"steering"}, {"throttle"}}},
                                      {"udacity", {{"throttle"}, {"steering"}, {"brake"}}},
                                      {"carla", {{"throttle"}, {"steer", -1, 1}, {"brake"}}},
                                      {"donkey", {{"angle"}, {"throttle"}}},
                                      {"donkey", {{"angle"}}}};
  return all;
}

}  // namespace

std::vector<LabelColumn> parse_label_columns(const std::string& text) {
  std::vector<LabelColumn> columns;
  for (const std::string& word : split(text, ',')) {
    const std::vector<std::string> parts = split(word, ':');
    const auto fail = [&](const std::string& problem) {
      throw UsageError("label column '" + word + "': " + problem + "; it must be COLUMN or COLUMN:MIN:MAX, as v:6.5:24");
    };
    if (parts[0].empty()) fail("has no name");
    if (parts.size() != 1 && parts.size() != 3) fail("has " + std::to_string(parts.size() - 1) + " bound(s)");
    LabelColumn column{.name = parts[0]};
    if (parts.size() == 3) {
      const std::optional<float> min = parse_label(parts[1]), max = parse_label(parts[2]);
      if (!min || !max) fail("its bounds are not numbers");
      if (!(*min < *max)) fail("its bounds are not in order");
      column.min = *min;
      column.max = *max;
    }
    columns.push_back(std::move(column));
  }
  return columns;
}

std::vector<float> scaled_labels(const Recording& recording, const Frame& frame, const std::vector<LabelColumn>& columns) {
  std::vector<float> scaled;
  for (const LabelColumn& column : columns) {
    const auto found = std::find(recording.columns.begin(), recording.columns.end(), column.name);
    if (found == recording.columns.end()) {
      throw Error(recording.folder.string() + ": has no label column '" + column.name + "'; it has " +
                  joined(recording.columns));
    }
    const float label = frame.labels[static_cast<size_t>(found - recording.columns.begin())];
    scaled.push_back((label - column.min) / (column.max - column.min));
  }
  return scaled;
}

std::vector<LabelColumn> default_columns(const Recording& recording, int output_count) {
  for (const Habit& habit : habits())
    if (recording.format.starts_with(habit.format) && std::ssize(habit.columns) == output_count) return habit.columns;
  throw Error(recording.folder.string() + ": which labels belong to the model's " + std::to_string(output_count) +
              " output(s) is not known; name them with --outputs COLUMN[:MIN:MAX],… from " + joined(recording.columns));
}

int usual_output_count(const Recording& recording) {
  for (const Habit& habit : habits())
    if (recording.format.starts_with(habit.format)) return static_cast<int>(habit.columns.size());
  check(false);
}

}  // namespace slimpilot
