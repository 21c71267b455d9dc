// SPDX-License-Identifier: Apache-2.0
// The frames of a dataset as a network's inputs, read when they are needed.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "data/dataset.h"
#include "engine/frame_input.h"
#include "engine/session.h"
#include "host/progress.h"

namespace slimpilot {

/// Reads a frame, and the frames before it that the network sees with it, as network input. Recordings may have different
/// sizes. Belongs to one thread.
class FrameReader {
 public:
  FrameReader(const Dataset& dataset, const Preprocessing& preprocessing, const TensorView& input, Isa isa);
  void read(const FrameId& id, std::span<std::byte> target);
  void read(size_t i, std::span<std::byte> target) { read(dataset_->frames[i], target); }

 private:
  /// An image as it lies in a sequence, and of which frame it is.
  struct Prepared {
    FrameId id;
    std::vector<std::byte> image;
  };
  std::span<const std::byte> image(const FrameId& id);

  const Dataset* dataset_;
  std::vector<FrameInput> inputs_;  // per recording
  std::vector<Prepared> recent_;    // those that the next frame of a drive needs again; a ring
  size_t next_ = 0;                 // in recent_
};

/// What the network says of every frame (integers dequantized), computed on all cores. One with state is shown all frames of
/// the recordings in between too, by one core: it says what it says on a drive, whichever frames are asked for.
std::vector<std::vector<float>> predict(const Plan& plan, const Preprocessing& preprocessing, const Dataset& dataset,
                                        const std::string& title, const ProgressOutput& output);

}  // namespace slimpilot
