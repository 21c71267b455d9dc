// SPDX-License-Identifier: Apache-2.0
// Before: conv2d, dense, LSTM with f32 weights.   After: the same with s8 weights, one scale per output; all else stays real.
// The runtime quantizes activations on the fly. Weights with fewer than 1024 elements stay real, as in TensorFlow's converter:
// they save nothing. Weights are the converter's byte for byte; the biases take back the rounding's mean error.
#include "graph/edit.h"
#include "graph/weights.h"
#include "optimize/calibrate.h"
#include "optimize/correct_bias.h"
#include "optimize/passes.h"
#include "optimize/quantize_weights.h"

namespace slimpilot {

Graph quantize_dynamic_range(Graph graph, const Calibration& calibration) {
  constexpr int64_t least_elements = 1024;
  for (Node& node : graph.nodes) {
    if (std::holds_alternative<DepthwiseConv2D>(node.op)) continue;
    for (const WeightUse& use : weight_uses(node)) {
      const Value weights = graph.value(node.inputs[use.place]), bias = graph.value(node.inputs.back());
      if (element_count(weights.shape) < least_elements) continue;
      Value rounded = quantized_weights(weights, 0);
      const std::vector<float>& means = calibration.channel_moments(graph.value(use.multiplied).name).mean;
      node.inputs.back() =
          add_constant(graph, bias.name, bias.shape, corrected_bias(constant_as_floats(bias), weights, rounded, 0, means));
      graph.values.push_back(std::move(rounded));
      node.inputs[use.place] = static_cast<ValueId>(graph.values.size()) - 1;
    }
  }
  remove_unused(graph);
  return graph;
}

}  // namespace slimpilot
