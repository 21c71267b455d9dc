// SPDX-License-Identifier: Apache-2.0
// Labelled frames of several recordings.
#include "data/dataset.h"

#include <algorithm>

namespace slimpilot {

std::vector<ShownFrame> shown_frames(const std::vector<FrameId>& frames, size_t most_before) {
  std::vector<ShownFrame> shown;
  for (size_t i = 0; i < frames.size(); ++i) {
    const auto [recording, frame] = frames[i];
    const FrameId* last = shown.empty() ? nullptr : &shown.back().id;
    const bool continues =
        last != nullptr && last->recording == recording && last->frame < frame && frame - last->frame - 1 <= most_before;
    const size_t first = continues ? last->frame + 1 : frame - std::min(frame, most_before);
    for (size_t f = first; f <= frame; ++f) shown.push_back({{recording, f}, i, f == frame, !continues && f == first});
  }
  return shown;
}

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
