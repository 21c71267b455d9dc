// SPDX-License-Identifier: Apache-2.0
// Before: conv2d, dense with f32 weights.   After: the same with s8 weights, one scale per output; all else stays real.
// The runtime quantizes activations on the fly. Weights with fewer than 1024 elements stay real, as in TensorFlow's converter:
// they save nothing. Weights are the converter's byte for byte; the biases take back the rounding's mean error.
// In 4 bits, which dense layers' weights may have, nearest is too coarse: scales are fitted, and where the calibration knows
// how inputs vary, weights are rounded together. Stored in bytes; .slim keeps 4 bits of each, and kernels read those.
#include "graph/edit.h"
#include "optimize/calibrate.h"
#include "optimize/correct_bias.h"
#include "optimize/passes.h"
#include "optimize/quantize_weights.h"
#include "optimize/round_weights.h"

namespace slimpilot {

bool gets_integer_weights(const Graph& graph, const Node& node) {
  constexpr int64_t least_elements = 1024;
  return (std::holds_alternative<Conv2D>(node.op) || std::holds_alternative<Dense>(node.op)) &&
         element_count(graph.value(node.inputs[1]).shape) >= least_elements;
}

namespace {

constexpr int kMost = 7;        // of a weight of 4 bits
constexpr double kLeast = 0.4;  // of the largest weight, what the scale reaches to

Value four_bit_weights(const Value& weights, const ChannelMoments& inputs, const PatchCovariance* covariance) {
  const std::vector<float> no_least(static_cast<size_t>(weights.shape[0]));
  Value rounded = fitted_weights(weights, 0, {no_least, inputs.variance, kMost, kLeast});
  const bool is_free = weights.constraint == Constraint{};  // else equal weights must stay equal, zeros zero
  if (covariance != nullptr && is_free) round_with_feedback(rounded, weights, covariance->matrix(), kMost);
  return rounded;
}

}  // namespace

Graph quantize_dynamic_range(Graph graph, const Calibration& calibration, int dense_bits) {
  for (Node& node : graph.nodes) {
    if (!gets_integer_weights(graph, node)) continue;
    const Value weights = graph.value(node.inputs[1]), bias = graph.value(node.inputs[2]);
    const ChannelMoments& inputs = calibration.channel_moments(graph.value(node.inputs[0]).name);
    Value rounded = dense_bits == 4 && std::holds_alternative<Dense>(node.op)
                        ? four_bit_weights(weights, inputs, calibration.covariance(graph.value(node.output).name))
                        : quantized_weights(weights, 0);
    node.inputs[2] =
        add_constant(graph, bias.name, bias.shape, corrected_bias(constant_as_floats(bias), weights, rounded, 0, inputs.mean));
    graph.values.push_back(std::move(rounded));
    node.inputs[1] = static_cast<ValueId>(graph.values.size()) - 1;
  }
  remove_unused(graph);
  return graph;
}

}  // namespace slimpilot
