// SPDX-License-Identifier: Apache-2.0
// What a weight's numbers look like: zeros, and which of them are equal. Each output channel counts for itself: the channels of
// a layer differ in size, and in integers with a scale per channel the same integer is another number in each.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/graph.h"

namespace slimpilot {

/// The weight of a convolution, dense layer, LSTM or ConvLSTM (also its recurrent kernel): what pruning and clustering change.
/// In the order of the nodes, each once; biases and BatchNorm are none.
std::vector<ValueId> weights_of(const Graph& graph);

/// Whether a layer that yields one of the network's outputs reads it: such weights are few and hurt most, passes spare them.
bool feeds_output(const Graph& graph, ValueId weight);

/// A weight by its place among the node's inputs, and the value that it multiplies: what the layer reads or, in a recurrent
/// kernel's case, the layer's own result of the step before.
struct WeightUse {
  size_t place;
  ValueId multiplied;
};
/// Those of a convolution (also a depthwise one), dense layer, LSTM or ConvLSTM, whose last input is the bias; else none.
std::vector<WeightUse> weight_uses(const Node& node);

/// What a constant's elements say: how many are zero (of real numbers also −0), how many distinct numbers there are, and their
/// zeroth-order entropy, Σ −p·log2 p, in bits per element. Any type; a scale per channel does not count.
struct WeightStatistics {
  size_t elements = 0, zeros = 0, distinct = 0;
  double entropy_bits = 0;
  /// The share of zeros, 0…1.
  double sparsity() const { return static_cast<double>(zeros) / static_cast<double>(elements); }
};
WeightStatistics weight_statistics(const Value& constant);

/// The share of zeros, 0…1.
double sparsity(const Value& weight);

/// Of f32 or s8: elements that are equal have the same number, 0 ≤ number < count; zeros have −1.
struct EqualGroups {
  std::vector<int32_t> group;
  int count = 0;
  int most_distinct = 0;  // in a channel; zero counts
};
EqualGroups equal_groups(const Value& weight);

}  // namespace slimpilot
