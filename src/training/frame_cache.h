// SPDX-License-Identifier: Apache-2.0
// The frames of a dataset, and those before them that the network sees with them, at the network's size, decoded once and held
// in memory as 8-bit RGB: height · width · 3 bytes each, 39.6 kB at 200×66, so 10,000 frames take .4 GB (as floats they would
// take four times that).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/augment.h"
#include "data/dataset.h"
#include "graph/input_images.h"
#include "host/progress.h"
#include "training/samples.h"

namespace slimpilot {

/// A batch in memory: N inputs of the network, labels [N,K].
struct Batch {
  std::vector<float> inputs, labels;
};

class FrameCache {
 public:
  /// Reads every frame on all cores. The dataset must outlive the cache. Throws Error for a bad image or preprocessing that
  /// does not fit.
  FrameCache(const Dataset& dataset, const Graph& graph, const std::string& title, const ProgressOutput& output);

  /// Fills `batch` with the samples, mirrored, augmented and normalized. Sample i of `samples` uses the random stream
  /// (seed, first + i), so the result does not depend on the number of threads; all images of an input are changed alike.
  void read(std::span<const Sample> samples, std::span<const Augmentation> augmentations, uint64_t seed, size_t first,
            Batch& batch) const;

  size_t input_elements() const { return frames_back_.size() * image_bytes_; }

 private:
  const uint8_t* pixels_of(const FrameId& id) const;

  const Dataset* dataset_;
  Preprocessing preprocessing_;  // of pictures at the network's size
  Shape shape_;
  InputImages images_;
  std::vector<int> frames_back_;
  size_t image_bytes_;
  std::vector<FrameId> ids_;  // in order; of each picture in pixels_
  std::vector<uint8_t> pixels_;
};

}  // namespace slimpilot
