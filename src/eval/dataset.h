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
