// SPDX-License-Identifier: Apache-2.0
// How the inputs of a convolution's or dense layer's weights vary together, as far as rounding the weights needs it.
#pragma once

#include <span>
#include <vector>

#include "graph/graph.h"

namespace slimpilot {

/// Covariance of the K inputs that meet one output's K weights (a window of the image in the order KH, KW, C; zeros outside).
/// Memory K² doubles, so only for K up to kMostInputs.
class PatchCovariance {
 public:
  static constexpr int kMostInputs = 1024;
  static constexpr int kPatchesPerFrame = 64;  // evenly spread; other positions look alike

  /// Whether the node has weights of that kind and few enough of them per output.
  static bool fits(const Graph& graph, const Node& node);

  PatchCovariance(const Graph& graph, const Node& node);

  /// Adds windows of one frame's layer input; `frame` shifts which.
  void add(std::span<const float> input, size_t frame);

  int inputs() const { return k_; }
  /// Whether there are enough samples to rely on: four times as many as inputs.
  bool is_reliable() const { return samples_ >= 4 * static_cast<size_t>(k_); }
  /// [K][K], symmetric.
  std::vector<double> matrix() const;

 private:
  void copy_window(std::span<const float> input, int position);

  Shape image_, output_, window_;  // {1,H,W,C}, {1,H',W',O}, {O,KH,KW,C}; dense layers are 1×1 images
  int stride_h_ = 1, stride_w_ = 1, top_ = 0, left_ = 0, k_;
  size_t samples_ = 0;
  std::vector<double> sums_, products_;  // upper triangle of the products
  std::vector<float> patch_;
};

}  // namespace slimpilot
