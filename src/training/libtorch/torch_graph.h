// SPDX-License-Identifier: Apache-2.0
// A graph as a differentiable function over libtorch tensors. Tensors keep the graph's shapes and layout (NHWC) with the
// batch in front, so every weight is trained and written back as the very bytes it is stored as. Where the graph is quantized,
// results are those of the engine's integer kernels, and gradients those of the same ops in real numbers at these results
// (straight through; Jacob et al. 2018, but with the integers themselves instead of a simulation of them).
#pragma once

#include <ATen/ATen.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graph/networks.h"
#include "training/libtorch/learned_ranges.h"

namespace slimpilot {

/// How forward() computes. Without training, BatchNorm uses its running statistics and nothing is dropped.
struct ForwardMode {
  bool training = false;
  double statistics_momentum = .01;        // share of the batch in BatchNorm's running statistics; Keras' 1 − .99
  std::optional<at::Generator> generator;  // of dropout's masks; needed when there is dropout
};

class TorchGraph {
 public:
  struct Options {
    std::vector<DropoutAt> dropout = {};
    bool learn_ranges = false;  // the scales of an integer graph are parameters too
  };

  /// A constant of the graph in real numbers, or a learned range. Weights are trainable, those in integers too: the real number
  /// is kept, and the nearest integer is what computes. BatchNorm's mean and variance follow the batches.
  struct Parameter {
    ValueId value;  // kNoValue: a range
    std::string name;
    bool trainable;
    at::Tensor tensor;
  };

  /// Copies the constants that its nodes read. Throws Error, naming the layer, for what cannot be trained: float16, more than
  /// one input, BatchNorm in integers, the ranges of a graph that is not quantized.
  explicit TorchGraph(const Graph& graph, const Options& options = {{}, false});

  /// Images [N,H,W,C] as the network's input wants them → all outputs one after the other, [N,K].
  at::Tensor forward(const at::Tensor& images, const ForwardMode& mode = {}) const;

  /// Trainable ones and statistics, in the order of the graph's values.
  std::vector<Parameter>& parameters() { return parameters_; }
  const std::vector<Parameter>& parameters() const { return parameters_; }

  /// The graph with the parameters as they are now.
  Graph to_graph() const;

 private:
  using Tensors = std::vector<at::Tensor>;  // by value id
  /// A BatchNorm of the image in front of a `valid` convolution. The convolution takes over gamma and beta, so that no gradient
  /// with respect to the image is computed, which was a fourth of PilotNet's time.
  struct InputNorm {
    ValueId norm, convolution, gamma, beta;  // the first two: the nodes' results
  };
  void find_input_norm();
  at::Tensor convolution(const Conv2D& op, const Node& node, const at::Tensor& x, const Tensors& tensors) const;
  at::Tensor compute(const Node& node, const Tensors& tensors, const ForwardMode& mode) const;
  at::Tensor forward_integer(const at::Tensor& images) const;
  at::Tensor as_integers(ValueId id, const at::Tensor& x, const Graph& rounded, const at::Tensor& result) const;
  at::Tensor outputs_of(const Tensors& tensors) const;

  Graph graph_;
  std::map<std::string, double> dropout_;  // rate by node
  std::optional<InputNorm> input_norm_;
  bool is_integer_ = false;
  std::optional<LearnedRanges> ranges_;
  std::vector<Parameter> parameters_;
};

}  // namespace slimpilot
