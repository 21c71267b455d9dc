// SPDX-License-Identifier: Apache-2.0
// From a recording's labels to the numbers that a network learns and is judged by.
#pragma once

#include <string>
#include <vector>

#include "data/recording.h"

namespace slimpilot {

/// One output of a network: a column of the recording, of which min…max becomes 0…1. (0, 1) leaves it as it is.
struct LabelColumn {
  std::string name;
  float min = 0, max = 1;
  bool operator==(const LabelColumn&) const = default;
};

/// Reads "COLUMN[:MIN:MAX],…", for example "steering" or "v:6.5:24,w:-7.1:7.1". Throws UsageError for anything else.
std::vector<LabelColumn> parse_label_columns(const std::string& text);

/// (label − min) / (max − min) for each column, in their order. Throws Error when the recording lacks a column.
std::vector<float> scaled_labels(const Recording& recording, const Frame& frame, const std::vector<LabelColumn>& columns);

/// What a network with so many outputs predicts, as the projects that use the format train it. Formula 1: v 6.5…24 m/s
/// and w −7.1…7.1 rad/s, both to 0…1. Udacity, unscaled: steering; steering, throttle; throttle, steering, brake. CARLA:
/// throttle, steer −1…1 to 0…1, brake. Donkey Car, unscaled: angle; angle, throttle. Throws Error that asks for --outputs in
/// any other case.
std::vector<LabelColumn> default_columns(const Recording& recording, int output_count);

/// How many outputs a new network for such recordings has.
int usual_output_count(const Recording& recording);

}  // namespace slimpilot
