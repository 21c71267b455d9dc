// SPDX-License-Identifier: Apache-2.0
// Writes recordings in DeepLearningStudio's Formula 1 format, frame by frame, so that a long drive needs no memory.
#pragma once

#include <filesystem>
#include <string>

#include "host/image_file.h"

namespace slimpilot {

class Formula1Writer {
 public:
  /// Makes the folder if need be. A folder that holds an unfinished recording with the same `settings` is gone on with:
  /// pictures that it already has are not written again, so the caller repeats the same frames. Throws Error when the folder
  /// cannot be made, holds a recording, or an unfinished one with other settings.
  explicit Formula1Writer(const std::filesystem::path& folder, const std::string& settings = "");

  /// Writes N.png (N = 0, 1, …) and notes its labels: v in m/s, w in rad/s (+ = left), the time in s. Throws Error when
  /// the image cannot be written.
  void add(const Image& image, float v, float w, double timestamp_s);

  /// Writes data.csv; before it the folder is an unfinished recording. Throws Error when it cannot be written.
  void finish();

 private:
  std::filesystem::path folder_;
  std::string table_ = "image_name,v,w,timestamp\n";
  int count_ = 0, present_ = 0;
};

}  // namespace slimpilot
