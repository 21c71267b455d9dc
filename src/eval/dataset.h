// SPDX-License-Identifier: Apache-2.0
// Labelled frames of several recordings, addressed by one index, read when they are needed.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "data/labels.h"
#include "data/recording.h"
#include "engine/frame_input.h"
#include "engine/session.h"
#include "host/progress.h"

namespace slimpilot {

/// A frame of a dataset: which recording, which frame of it.
struct FrameId {
  size_t recording, frame;
  bool operator==(const FrameId&) const = default;
};

struct Dataset {
  std::vector<Recording> recordings;
  std::vector<LabelColumn> columns;  // one per network output
  std::vector<FrameId> frames;

  const Frame& frame(size_t i) const { return recordings[frames[i].recording].frames[frames[i].frame]; }
  /// Scaled labels of frame i, in the order of `columns`.
  std::vector<float> labels(size_t i) const { return scaled_labels(recordings[frames[i].recording], frame(i), columns); }
  size_t size() const { return frames.size(); }
};

/// Every frame of the recordings.
std::vector<FrameId> all_frames(const std::vector<Recording>& recordings);

/// Reads frame i as network input. Recordings may have different sizes. Belongs to one thread.
class FrameReader {
 public:
  FrameReader(const Dataset& dataset, const Preprocessing& preprocessing, const TensorView& input, Isa isa);
  void read(size_t i, std::span<std::byte> target);

 private:
  const Dataset* dataset_;
  std::vector<FrameInput> inputs_;  // per recording
};

/// What the network says of every frame (integers dequantized), computed on all cores.
std::vector<std::vector<float>> predict(const Plan& plan, const Preprocessing& preprocessing, const Dataset& dataset,
                                        const std::string& title, const ProgressOutput& output);

}  // namespace slimpilot
