// SPDX-License-Identifier: Apache-2.0
// The scales of an integer graph as numbers that training can move: how far activations reach before they are cut, and how
// fine each channel of a weight is.
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "graph/graph.h"

namespace slimpilot {

/// Every scale that integer kernels leave free: those of results but for what moves numbers (which keeps its input's) and what
/// has a fixed one (sigmoid, clips to 0 … 1), and those of weights. Learned is the logarithm of the factor by which a scale
/// differs from the calibrated one, so it stays positive and a step is relative; zero points stay (the idea: learned step
/// sizes, Esser et al. 2020).
class LearnedRanges {
 public:
  struct Scale {
    std::string name;
    std::vector<ValueId> values;  // that share it
    at::Tensor calibrated;        // [1], or [outputs] of a weight with a scale per output
    at::Tensor log_factor;        // the same shape; 0 at first
  };

  explicit LearnedRanges(const Graph& graph);

  std::vector<Scale>& scales() { return scales_; }

  /// calibrated · e^log_factor of a value, shaped to multiply it; undefined where the scale is fixed.
  at::Tensor scale_of(const Graph& graph, ValueId id) const;

  /// Writes the scales as they are now, and those of the biases, input times weight.
  void store(Graph& graph) const;

 private:
  std::vector<Scale> scales_;
  std::vector<int> scale_of_value_;  // by value id; −1: fixed
};

}  // namespace slimpilot
