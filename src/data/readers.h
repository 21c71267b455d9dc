// SPDX-License-Identifier: Apache-2.0
// What the readers of the recording formats share with read_recording, and with nobody else.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/recording.h"

namespace slimpilot {

/// A row that cannot be used; row 0 speaks of the recording as a whole.
struct BadRow {
  int row;
  std::string reason;
};

/// What a label file says, before any image is looked at: good rows are frames, the others are named in `bad`.
struct LabelFile {
  std::filesystem::path path;
  Recording recording;
  std::vector<BadRow> bad;
};

/// Each reader expects its files in `folder`; they throw Error only when the label file itself cannot be read.
LabelFile read_udacity(const std::filesystem::path& folder);
LabelFile read_formula1_csv(const std::filesystem::path& folder);
LabelFile read_formula1_json(const std::filesystem::path& folder);

}  // namespace slimpilot
