// SPDX-License-Identifier: Apache-2.0
// Before: conv2d, dense with f32 weights.   After: the same with s8 weights, one scale per output; all else stays real.
// The runtime quantizes activations on the fly. Weights with fewer than 1024 elements stay real, as in TensorFlow's converter:
// they save nothing. Weights are the converter's byte for byte; the biases take back the rounding's mean error.
#include "graph/edit.h"
#include "optimize/calibrate.h"
#include "optimize/correct_bias.h"
#include "optimize/passes.h"
#include "optimize/quantize_weights.h"

namespace slimpilot {

bool gets_integer_weights(const Graph& graph, const Node& node) {
  constexpr int64_t least_elements = 1024;
  return (std::holds_alternative<Conv2D>(node.op) || std::holds_alternative<Dense>(node.op)) &&
         element_count(graph.value(node.inputs[1]).shape) >= least_elements;
}

Graph quantize_dynamic_range(Graph graph, const Calibration& calibration) {
  for (Node& node : graph.nodes) {
    if (!gets_integer_weights(graph, node)) continue;
    const Value weights = graph.value(node.inputs[1]), bias = graph.value(node.inputs[2]);
    Value rounded = quantized_weights(weights, 0);
    const std::vector<float>& means = calibration.channel_moments(graph.value(node.inputs[0]).name).mean;
    node.inputs[2] =
        add_constant(graph, bias.name, bias.shape, corrected_bias(constant_as_floats(bias), weights, rounded, 0, means));
    graph.values.push_back(std::move(rounded));
    node.inputs[1] = static_cast<ValueId>(graph.values.size()) - 1;
  }
  remove_unused(graph);
  return graph;
}

}  // namespace slimpilot
