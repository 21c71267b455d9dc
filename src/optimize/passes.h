// SPDX-License-Identifier: Apache-2.0
// Every pass by name. The header comment of each one's .cpp shows what it does and where its formula comes from.
#pragma once

#include <set>
#include <string>

#include "optimize/pass.h"

namespace slimpilot {

// Passes that save work and change no result beyond rounding.
Graph remove_dead(Graph graph);
Graph fold_batch_norm(Graph graph);
Graph fold_hard_sigmoid(Graph graph);
Graph fuse_activation(Graph graph);

/// LSTMs that keep no state, step by step with dense layers and element-wise ops: for files that cannot say an LSTM, larger and
/// slower. Integer ones get real weights. Those for which `stays` holds remain.
Graph unroll_lstm(
    Graph graph, bool (*stays)(const Graph&, const Node&) = [](const Graph&, const Node&) { return false; });

/// All of the above but the last in order: what every technique starts from.
Graph simplify(Graph graph);

/// Makes the channels of ReLU layers alike in size, so that one integer scale serves them all; no result changes.
Graph equalize_channels(Graph graph, const Calibration& calibration);

/// Puts the channels of a layer that are seldom zero before those that mostly are, so that kernels which read several at once
/// can leave the latter out; no result changes beyond rounding.
Graph order_channels(Graph graph, const Calibration& calibration);

// Passes that trade accuracy for size and speed.
/// `dense_bits`: of dense layers' weights, 8 or 4.
Graph quantize_dynamic_range(Graph graph, const Calibration& calibration, int dense_bits = 8);
Graph quantize_float16(Graph graph, const Calibration& calibration);

/// Whether quantize_dynamic_range makes weights of the node integers: those of convolutions, dense and recurrent layers that
/// have enough elements to save something.
bool gets_integer_weights(const Graph& graph, const Node& node);

struct IntegerOptions {
  ElementType activations = ElementType::s8;  // or s16
  bool integer_io = false;                    // the network's own inputs and outputs are integers too
  std::set<std::string> real_nodes = {};      // by name: these stay in real numbers
  bool adaptive_rounding = true;              // weights are rounded together, where the calibration knows how inputs vary
  bool bias_correction = true;                // biases take back the mean error that rounding adds
};
Graph quantize_integer(Graph graph, const Calibration& calibration, const IntegerOptions& options);

/// Whether LiteRT computes the op with such activations (s8 or s16), or a recurrent one slimpilot; else quantize_integer leaves
/// it in real numbers.
bool has_integer_kernel(const Op& op, ElementType activations);

/// Zeroes the smallest weights of each layer: a share (0 … 1) of one that is a convolution, and of one that is dense. Layers
/// that yield the outputs keep theirs: they are few, and half of them may be all that an output has. `block` (1 …) neighbouring
/// inputs of an output are zero together, by the mean of their magnitudes: integer kernels multiply four at once.
struct PruneShares {
  double convolutions, dense;
};
Graph prune(Graph graph, const PruneShares& shares, int block = 1);
/// The same with one threshold over all layers, so that `share` of all weights are zero.
Graph prune_global(Graph graph, double share, int block = 1);

/// At most so many (2 … 256) different numbers in each output channel of each weight, chosen so that layers' results change
/// little.
struct ClusterCounts {
  int convolutions, dense;  // ConvLSTM counts among convolutions
};
Graph cluster(Graph graph, const ClusterCounts& counts, const Calibration& calibration);

/// Removes `share` (0 … 1) of the filters and units of each layer that say least to their readers, where nothing but a chain of
/// layers reads them; the result is dense and smaller.
Graph prune_channels(Graph graph, double share, const Calibration& calibration);

/// Ops of an integer graph that LiteRT has no integer kernel for and that therefore run in real numbers, as
/// "not integer-only: ELU"; empty if there are none or the graph has no integer activations.
std::string float_ops_note(const Graph& graph);

}  // namespace slimpilot
