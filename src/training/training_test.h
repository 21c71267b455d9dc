// SPDX-License-Identifier: Apache-2.0
// Something to learn from in tests.
#pragma once

#include <cmath>
#include <filesystem>

#include "base/random.h"
#include "data/dataset.h"
#include "data/formula1_writer.h"

namespace slimpilot {

/// Pictures of a bright column whose place says w and whose brightness says v.
inline void write_recording(const std::filesystem::path& folder, int count, uint64_t seed) {
  Formula1Writer writer(folder);
  Random random(seed);
  for (int i = 0; i < count; ++i) {
    const double w = random.uniform(-7, 7), v = random.uniform(7, 24);
    Image image{24, 40, std::vector<uint8_t>(24 * 40 * 3)};
    for (size_t p = 0; p < image.pixels.size(); ++p) {
      const double distance = static_cast<double>(p / 3 % 40) - (20 - w * 2.5);
      image.pixels[p] =
          static_cast<uint8_t>(v * 8 * std::exp(-distance * distance / 8) + static_cast<double>(random.below(20)));
    }
    writer.add(image, static_cast<float>(v), static_cast<float>(w), i * .05);
  }
  writer.finish();
}

/// All frames of such a recording, with the study's scaling of labels.
inline Dataset dataset_of(const std::filesystem::path& folder) {
  Dataset d{.recordings = {read_recording(folder)}, .columns = {{"v", 6.5f, 24}, {"w", -7.1f, 7.1f}}};
  d.frames = all_frames(d.recordings);
  return d;
}

}  // namespace slimpilot
