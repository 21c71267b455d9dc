// SPDX-License-Identifier: Apache-2.0
// Which format a folder holds, whether its images can be used, and how bad rows are told. The formats themselves are
// read in one file each.
#include "data/recording.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "data/readers.h"
#include "host/csv.h"

namespace slimpilot {
namespace {

namespace fs = std::filesystem;

struct Format {
  const char* label_file;
  LabelFile (*read)(const fs::path&);
  const char* writer;
};
constexpr Format kFormats[] = {{"driving_log.csv", read_udacity, "Udacity"},
                               {"data.csv", read_formula1_csv, "DeepLearningStudio Formula 1"},
                               {"data.json", read_formula1_json, "the same, older"},
                               {"dataset.csv", read_carla, "DeepLearningStudio CARLA"},
                               {"manifest.json", read_donkey, "Donkey Car"}};

LabelFile read_label_file(const fs::path& folder) {
  std::error_code unknown;
  if (!fs::exists(folder, unknown)) throw Error(folder.string() + ": there is no such folder; give a recording's folder");
  if (!fs::is_directory(folder, unknown)) throw Error(folder.string() + ": is not a folder; give the folder that holds it");
  std::string known;
  for (const Format& format : kFormats) {
    if (fs::exists(folder / format.label_file, unknown)) return format.read(folder);
    known += (known.empty() ? "" : ", ") + std::string(format.label_file) + " (" + format.writer + ")";
  }
  throw Error(folder.string() + ": is no recording: it has none of " + known + "; give the folder that holds one of them");
}

std::string size_text(ImageSize size) { return std::to_string(size.width) + "x" + std::to_string(size.height); }

/// What is wrong with the frame's image; nothing when it can be used. The first good one sets the recording's size.
std::optional<std::string> image_problem(Recording& recording, const Frame& frame) {
  const std::string name = frame.image.filename().string();
  std::error_code unknown;
  if (!fs::exists(frame.image, unknown)) return printable(name) + ": is missing";
  ImageSize size;
  try {
    size = probe_image(frame.image);
  } catch (const Error& error) {
    const std::string reason = error.what(), prefix = frame.image.string();
    return printable(name) + (reason.starts_with(prefix) ? reason.substr(prefix.size()) : ": " + reason);
  }
  if (recording.image_size.height == 0) recording.image_size = size;
  if (size == recording.image_size) return std::nullopt;
  return printable(name) + ": is " + size_text(size) + " pixels, the images before it " + size_text(recording.image_size);
}

void check_images(LabelFile& file) {
  std::vector<Frame> good;
  for (Frame& frame : file.recording.frames) {
    if (auto problem = image_problem(file.recording, frame)) {
      file.bad.push_back({frame.row, std::move(*problem)});
    } else {
      good.push_back(std::move(frame));
    }
  }
  file.recording.frames = std::move(good);
  std::stable_sort(file.bad.begin(), file.bad.end(), [](const BadRow& a, const BadRow& b) { return a.row < b.row; });
}

std::string listed(const std::vector<std::string>& problems) {
  constexpr size_t kSpelledOut = 10;
  std::string text;
  for (size_t i = 0; i < std::min(problems.size(), kSpelledOut); ++i) text += (i == 0 ? "" : "; ") + problems[i];
  if (problems.size() > kSpelledOut) text += "; and " + std::to_string(problems.size() - kSpelledOut) + " more";
  return text;
}

}  // namespace

Recording read_recording(const fs::path& folder, const RecordingOptions& options) {
  LabelFile file = read_label_file(folder);
  check_images(file);
  Recording& recording = file.recording;
  for (const BadRow& bad : file.bad) {
    recording.problems.push_back((bad.row == 0 ? "" : "row " + std::to_string(bad.row) + ": ") + bad.reason);
  }
  const std::string found = recording.problems.empty() ? "it has no rows" : listed(recording.problems);
  if (recording.frames.empty()) throw Error(file.path.string() + ": not one frame can be used: " + found);
  if (!recording.problems.empty() && !options.skip_bad_frames) {
    throw Error(file.path.string() + ": " + std::to_string(recording.problems.size()) + " problem(s) beside " +
                std::to_string(recording.frames.size()) + " good rows: " + found +
                ". Repair them, or leave them out with --skip-bad-frames");
  }
  return std::move(recording);
}

}  // namespace slimpilot
