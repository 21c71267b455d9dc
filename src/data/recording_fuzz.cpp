// SPDX-License-Identifier: Apache-2.0
// libFuzzer: hostile label files and pictures in an otherwise good recording. The first byte chooses the file, the rest
// is its content. Only Error may come out.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "data/recording.h"
#include "host/atomic_file.h"

namespace {

namespace fs = std::filesystem;
using namespace slimpilot;

/// A folder with images 0.png … 2.png in every place where a format looks for them.
fs::path make_folder(const char* name) {
  const fs::path folder = fs::temp_directory_path() / ("recording_fuzz_" + std::to_string(getpid())) / name;
  const Image image{.height = 2, .width = 3, .pixels = std::vector<uint8_t>(18, 100)};
  for (const char* place : {".", "IMG", "Images", "images"}) {
    fs::create_directories(folder / place);
    for (int i = 0; i < 3; ++i) write_png(folder / place / (std::to_string(i) + ".png"), image);
  }
  return folder;
}

constexpr std::string_view kManifest = "[]\n[]\n{}\n{}\n{\"paths\": [\"0.catalog\"], \"deleted_indexes\": []}\n";
constexpr std::string_view kRecord = "{\"cam/image_array\": \"0.png\", \"user/angle\": 0, \"user/throttle\": 0}\n";

void read(const fs::path& folder) {
  for (const bool skip : {false, true}) {
    try {
      for (const Frame& frame : read_recording(folder, {.skip_bad_frames = skip}).frames) read_image(frame.image);
    } catch (const Error&) {
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fs::path udacity = make_folder("udacity"), csv = make_folder("csv"), json = make_folder("json");
  static const fs::path picture = make_folder("picture"), carla = make_folder("carla"), tub = make_folder("tub");
  static const bool labelled = [] {
    write_file_atomically(picture / "driving_log.csv", std::string_view("0.png,,,0,0,0,0\n1.png,,,0,0,0,0\n"));
    write_file_atomically(tub / "manifest.json", kManifest);
    write_file_atomically(tub / "0.catalog", kRecord);
    return true;
  }();
  if (size == 0 || !labelled) return 0;
  struct Target {
    fs::path folder;
    const char* file;
    std::string_view whole;  // what it holds when others are fuzzed
  };
  static const Target targets[] = {{udacity, "driving_log.csv", ""}, {csv, "data.csv", ""},
                                   {json, "data.json", ""},          {picture, "IMG/1.png", ""},
                                   {carla, "dataset.csv", ""},       {tub, "manifest.json", kManifest},
                                   {tub, "0.catalog", kRecord}};
  const auto& [folder, file, whole] = targets[data[0] % std::size(targets)];
  write_file_atomically(folder / file, std::string_view(reinterpret_cast<const char*>(data) + 1, size - 1));
  read(folder);
  if (!whole.empty()) write_file_atomically(folder / file, whole);
  return 0;
}
