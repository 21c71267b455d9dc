// SPDX-License-Identifier: Apache-2.0
// Before: conv → hard_sigmoid.   After: conv' → relu_0_to_1.
// Keras 1 and 2: hard_sigmoid(x) = clip(.2x + .5, 0, 1), so w' = .2w, b' = .2b + .5, and only the clip is left, which in
// integers is the saturation of an output scale of 1/256. Behind other ops: Mul .2, Add .5, relu_0_to_1.
#include "graph/edit.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

constexpr float kSlope = 0.2f, kCentre = 0.5f;

bool is_linear_layer(const Op& op) {
  if (const auto* conv = std::get_if<Conv2D>(&op)) return conv->activation == ActivationKind::none;
  if (const auto* dense = std::get_if<Dense>(&op)) return dense->activation == ActivationKind::none;
  return false;
}

void fold_into(Graph& graph, Node& layer) {
  const Value w = graph.value(layer.inputs[1]), b = graph.value(layer.inputs[2]);
  auto weights = constant_as_floats(w), bias = constant_as_floats(b);
  for (float& x : weights) x *= kSlope;
  for (float& x : bias) x = kSlope * x + kCentre;
  layer.inputs[1] = add_constant(graph, w.name, w.shape, weights);
  layer.inputs[2] = add_constant(graph, b.name, b.shape, bias);
}

/// Puts `op` with the constant in front of node `index`.
void insert_before(Graph& graph, size_t index, const std::string& suffix, Op op, float constant) {
  Node& node = graph.nodes[index];
  const std::string name = node.name + suffix;
  const ValueId operand = add_constant(graph, name + "/constant", {1}, std::vector<float>{constant});
  Node inserted{name, std::move(op), {node.inputs[0], operand}, kNoValue};
  inserted.output = add_value(graph, name, graph.value(node.output).shape);
  node.inputs[0] = inserted.output;
  graph.nodes.insert(graph.nodes.begin() + static_cast<ptrdiff_t>(index), std::move(inserted));
}

}  // namespace

Graph fold_hard_sigmoid(Graph graph) {
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    auto* activation = std::get_if<Activation>(&graph.nodes[i].op);
    if (activation == nullptr || activation->kind != ActivationKind::hard_sigmoid) continue;
    activation->kind = ActivationKind::relu_0_to_1;
    const ValueId input = graph.nodes[i].inputs[0];
    const int producer = producer_of(graph, input);
    const bool only_reader = consumers_of(graph, input).size() == 1 && !is_output(graph, input);
    if (producer >= 0 && only_reader && is_linear_layer(graph.nodes[static_cast<size_t>(producer)].op)) {
      fold_into(graph, graph.nodes[static_cast<size_t>(producer)]);
    } else {
      insert_before(graph, i, "/scaled", Mul{}, kSlope);
      insert_before(graph, i + 1, "/shifted", Add{}, kCentre);
      i += 2;
    }
  }
  remove_unused(graph);
  return graph;
}

}  // namespace slimpilot
