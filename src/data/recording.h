// SPDX-License-Identifier: Apache-2.0
// A recording: a folder of camera frames with labels, whatever program wrote it. Only names, labels and sizes are held;
// the pictures are read when they are needed.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "host/image_file.h"

namespace slimpilot {

/// One camera image and what the driver did: one finite label per column of the recording, in the recording's units.
struct Frame {
  std::filesystem::path image;
  std::vector<float> labels;
  int row = 0;  // 1-based: the line of a CSV file (its header counts), the object of a JSON file, the record of a tub
  bool operator==(const Frame&) const = default;
};

/// Frames in the order in which they were driven; all images have one size.
struct Recording {
  std::filesystem::path folder;
  std::string format;                // "udacity", "formula1", "formula1_json", "carla" or "donkey"
  std::vector<std::string> columns;  // names of the labels
  std::vector<Frame> frames;         // never empty after reading
  ImageSize image_size;
  std::vector<std::string> problems;  // the rows that were skipped: "row 7: center_7.jpg: is cut off; …"
};

struct RecordingOptions {
  bool skip_bad_frames = false;
};

/// Reads the labels of a recording and checks that every image is there, complete and as large as the first one (by its
/// structure; nothing is decoded). The format follows from the files in the folder:
///   driving_log.csv, IMG/     Udacity simulator: steering (−1…1), throttle, brake, speed (mph); the centre camera
///   data.csv, N.png           DeepLearningStudio Formula 1: v (m/s), w (rad/s, + = left)
///   data.json, Images/N.png   the same, older
///   dataset.csv, images       DeepLearningStudio CARLA: throttle, steer (−1…1), brake, velocity
///   manifest.json, catalog_N.catalog, images/   Donkey Car 4 and later: angle (−1…1), throttle
/// Throws Error when the folder is no recording, has no usable frame, or has bad rows: all are counted, the first ten
/// named with reasons. With skip_bad_frames they are left out and listed in `problems` instead.
Recording read_recording(const std::filesystem::path& folder, const RecordingOptions& options = {});

}  // namespace slimpilot
