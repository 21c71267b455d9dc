// SPDX-License-Identifier: Apache-2.0
// Before: conv2d, dense, LSTM with f32 weights.   After: the same with s8 weights, one scale per output; all else stays real.
// The runtime quantizes activations on the fly. Weights with fewer than 1024 elements stay real, as in TensorFlow's converter:
// they save nothing. Weights are the converter's byte for byte; the biases take back the rounding's mean error.
// In 4 bits, which dense layers' weights may have, nearest is too coarse: scales are fitted, and where the calibration knows
// how inputs vary, weights are rounded together. Stored in bytes; .slim keeps 4 bits of each, and kernels read those.
#include "graph/edit.h"
#include "graph/weights.h"
#include "optimize/calibrate.h"
#include "optimize/correct_bias.h"
#include "optimize/passes.h"
#include "optimize/quantize_weights.h"
#include "optimize/round_weights.h"

namespace slimpilot {

namespace {

std::vector<WeightUse> uses_with_integers(const Graph& graph, const Node& node) {
  constexpr int64_t least_elements = 1024;
  std::vector<WeightUse> uses = weight_uses(node);
  if (std::holds_alternative<DepthwiseConv2D>(node.op)) uses.clear();
  std::erase_if(
      uses, [&](const WeightUse& use) { return element_count(graph.value(node.inputs[use.place]).shape) < least_elements; });
  return uses;
}

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

bool gets_integer_weights(const Graph& graph, const Node& node) { return !uses_with_integers(graph, node).empty(); }

Graph quantize_dynamic_range(Graph graph, const Calibration& calibration, int dense_bits) {
  for (Node& node : graph.nodes) {
    const bool four_bits = dense_bits == 4 && std::holds_alternative<Dense>(node.op);
    for (const WeightUse& use : uses_with_integers(graph, node)) {
      const Value weights = graph.value(node.inputs[use.place]), bias = graph.value(node.inputs.back());
      const ChannelMoments& inputs = calibration.channel_moments(graph.value(use.multiplied).name);
      Value rounded = four_bits ? four_bit_weights(weights, inputs, calibration.covariance(graph.value(node.output).name))
                                : quantized_weights(weights, 0);
      node.inputs.back() = add_constant(graph, bias.name, bias.shape,
                                        corrected_bias(constant_as_floats(bias), weights, rounded, 0, inputs.mean));
      graph.values.push_back(std::move(rounded));
      node.inputs[use.place] = static_cast<ValueId>(graph.values.size()) - 1;
    }
  }
  remove_unused(graph);
  return graph;
}

}  // namespace slimpilot
