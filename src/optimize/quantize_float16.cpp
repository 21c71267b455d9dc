// SPDX-License-Identifier: Apache-2.0
// Before: conv2d, dense, LSTM with f32 weights.   After: f16 weights (round to nearest even); biases and arithmetic stay f32.
// Numbers beyond the range of binary16 are limited to its greatest, 65504. The biases take back the rounding's mean error.
#include <algorithm>

#include "graph/edit.h"
#include "graph/weights.h"
#include "optimize/calibrate.h"
#include "optimize/correct_bias.h"
#include "optimize/passes.h"

namespace slimpilot {

Graph quantize_float16(Graph graph, const Calibration& calibration) {
  for (Node& node : graph.nodes) {
    if (std::holds_alternative<DepthwiseConv2D>(node.op)) continue;
    for (const WeightUse& use : weight_uses(node)) {
      ValueId &weight_id = node.inputs[use.place], &bias_id = node.inputs.back();
      const Value weights = graph.value(weight_id), bias = graph.value(bias_id);
      std::vector<uint16_t> half;
      for (const float w : constant_as_floats(weights)) half.push_back(float_to_half(std::clamp(w, -65504.0f, 65504.0f)));
      weight_id = add_constant(graph, weights.name, weights.shape, ElementType::f16, std::span<const uint16_t>(half));
      const std::vector<float>& means = calibration.channel_moments(graph.value(use.multiplied).name).mean;
      const auto corrected = corrected_bias(constant_as_floats(bias), weights, graph.value(weight_id), 0, means);
      bias_id = add_constant(graph, bias.name, bias.shape, corrected);
    }
  }
  remove_unused(graph);
  return graph;
}

}  // namespace slimpilot
