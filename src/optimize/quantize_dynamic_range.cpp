// SPDX-License-Identifier: Apache-2.0
// Before: conv2d, dense with f32 weights.   After: the same with s8 weights, one scale per output; all else stays real.
// The runtime quantizes activations on the fly. Weights with fewer than 1024 elements stay real, as in TensorFlow's converter:
// they save nothing.
#include "graph/edit.h"
#include "optimize/passes.h"
#include "optimize/quantize_weights.h"

namespace slimpilot {

Graph quantize_dynamic_range(Graph graph) {
  constexpr int64_t least_elements = 1024;
  for (Node& node : graph.nodes) {
    if (!std::holds_alternative<Conv2D>(node.op) && !std::holds_alternative<Dense>(node.op)) continue;
    const Value& weights = graph.value(node.inputs[1]);
    if (element_count(weights.shape) < least_elements) continue;
    graph.values.push_back(quantized_weights(weights, 0));
    node.inputs[1] = static_cast<ValueId>(graph.values.size()) - 1;
  }
  remove_unused(graph);
  return graph;
}

}  // namespace slimpilot
