// SPDX-License-Identifier: Apache-2.0
// Labelled frames of several recordings, addressed by one index. Nothing is decoded here.
#pragma once

#include <algorithm>
#include <compare>
#include <limits>
#include <vector>

#include "data/labels.h"
#include "data/recording.h"

namespace slimpilot {

/// A frame of a dataset: which recording, which frame of it.
struct FrameId {
  size_t recording, frame;
  auto operator<=>(const FrameId&) const = default;
};

struct Dataset {
  std::vector<Recording> recordings;
  std::vector<LabelColumn> columns;  // one per network output
  std::vector<FrameId> frames;

  const Frame& frame(const FrameId& id) const { return recordings[id.recording].frames[id.frame]; }
  const Frame& frame(size_t i) const { return frame(frames[i]); }
  /// Scaled labels of frame i, in the order of `columns`.
  std::vector<float> labels(size_t i) const { return scaled_labels(recordings[frames[i].recording], frame(i), columns); }
  size_t size() const { return frames.size(); }
};

/// The frame `back` frames before this one in its recording, or the recording's first.
inline FrameId frame_before(const FrameId& id, int back) {
  return {id.recording, id.frame - std::min(id.frame, static_cast<size_t>(back))};
}

/// A frame as it is shown to a network.
struct ShownFrame {
  FrameId id;
  size_t index;   // of the frame that was asked for: this one, or one that comes later and that this one leads to
  bool counts;    // it was asked for
  bool is_first;  // what the network remembers is of other drives, to be forgotten before
};

/// No limit to the frames before.
inline constexpr size_t kAllBefore = std::numeric_limits<size_t>::max();

/// What to show a network with state so that at each of `frames` it remembers what it would on the road: `frames`, and before
/// each of them those of its recording that come before it, at least `most_before` or all there are. With 0 they are `frames`
/// alone, which is right for a network without state.
std::vector<ShownFrame> shown_frames(const std::vector<FrameId>& frames, size_t most_before);

/// Every frame of the recordings.
std::vector<FrameId> all_frames(const std::vector<Recording>& recordings);

/// `frames` less those in `removed`, in the same order.
std::vector<FrameId> without(const std::vector<FrameId>& frames, std::vector<FrameId> removed);

}  // namespace slimpilot
