// SPDX-License-Identifier: Apache-2.0
// What the readers of the recording formats share with read_recording, and with nobody else.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
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

/// Nothing read yet.
LabelFile empty_label_file(const std::filesystem::path& folder, const char* name, const char* format,
                           std::vector<std::string> columns);

/// The part of a path behind the last / or \ (the recording computer may have run Windows); empty where that names no file.
std::string file_name(const std::string& path);

/// Where `name` stands in a header. Throws Error that shows how the whole header should be.
size_t column_of(const LabelFile& file, const std::vector<std::string>& header, const std::string& name,
                 const std::string& whole_header);

/// The finite number `name` of a JSON object; nothing for anything else.
std::optional<float> json_label(const nlohmann::json& object, const char* name);

/// Each reader expects its files in `folder`; they throw Error only when the label file itself cannot be read.
LabelFile read_udacity(const std::filesystem::path& folder);
LabelFile read_carla(const std::filesystem::path& folder);
LabelFile read_donkey(const std::filesystem::path& folder);
LabelFile read_formula1_csv(const std::filesystem::path& folder);
LabelFile read_formula1_json(const std::filesystem::path& folder);

}  // namespace slimpilot
