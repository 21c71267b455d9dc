// SPDX-License-Identifier: Apache-2.0
// What a training run needs to go on after a kill, in one file: a line of JSON and arrays of floats.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "training/train.h"

namespace slimpilot {

struct Checkpoint {
  std::string settings;  // "name: value" lines of everything that decides the result
  int64_t steps = 0;     // of the optimizer
  std::vector<EpochResult> history;
  std::vector<std::vector<float>> arrays;  // weights, best weights, moments: the trainer's business
};

/// Complete or not at all.
void write_checkpoint(const Checkpoint& checkpoint, const std::filesystem::path& path);

/// Throws Error when the file is missing, damaged, or of a run whose settings are not `settings` (naming the first difference).
Checkpoint read_checkpoint(const std::filesystem::path& path, const std::string& settings);

/// The history as a table with a header line, for FILE.log.csv.
std::string history_csv(const std::vector<EpochResult>& history);

}  // namespace slimpilot
