// SPDX-License-Identifier: Apache-2.0
// Labelled frames of several recordings.
#include "data/dataset.h"

#include <algorithm>

namespace slimpilot {

std::vector<FrameId> all_frames(const std::vector<Recording>& recordings) {
  std::vector<FrameId> frames;
  for (size_t r = 0; r < recordings.size(); ++r)
    for (size_t f = 0; f < recordings[r].frames.size(); ++f) frames.push_back({r, f});
  return frames;
}

std::vector<FrameId> without(const std::vector<FrameId>& frames, std::vector<FrameId> removed) {
  std::ranges::sort(removed);
  std::vector<FrameId> kept;
  std::ranges::copy_if(frames, std::back_inserter(kept),
                       [&](const FrameId& id) { return !std::ranges::binary_search(removed, id); });
  return kept;
}

}  // namespace slimpilot
