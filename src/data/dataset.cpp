// SPDX-License-Identifier: Apache-2.0
// Labelled frames of several recordings.
#include "data/dataset.h"

namespace slimpilot {

std::vector<FrameId> all_frames(const std::vector<Recording>& recordings) {
  std::vector<FrameId> frames;
  for (size_t r = 0; r < recordings.size(); ++r)
    for (size_t f = 0; f < recordings[r].frames.size(); ++f) frames.push_back({r, f});
  return frames;
}

}  // namespace slimpilot
