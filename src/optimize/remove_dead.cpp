// SPDX-License-Identifier: Apache-2.0
// Before: ConvLSTM2D or LSTM over one time step.   After: three convolutions or dense layers and element-wise ops.
// From a zero state h = c = 0 the recurrent convolution yields nothing and the forget gate multiplies zero, so one step is
// c = σ(i)·φ(g), h = σ(o)·φ(c) (Shi et al. 2015; Keras' gate order i, f, c, o). Also removes reshapes of reshapes and what
// nobody reads.
#include "graph/edit.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

Op gate_layer(const ConvLstm2D& op) { return Conv2D{op.stride_h, op.stride_w, op.padding}; }
Op gate_layer(const Lstm&) { return Dense{}; }

/// Builds the replacement of one layer; its nodes are appended in order.
template <class Recurrent>
class OneStep {
 public:
  OneStep(Graph& graph, const Node& lstm) : graph_(graph), lstm_(lstm), op_(std::get<Recurrent>(lstm.op)) {}

  std::vector<Node> nodes() {
    Shape step = graph_.value(lstm_.inputs[0]).shape;
    step.erase(step.begin() + 1);
    step_ = add(step.size() == 4 ? "image" : "row", Reshape{step}, {lstm_.inputs[0]});
    const ValueId input_gate = activated("input_gate", op_.recurrent_activation, gate("input_gate", 0));
    const ValueId candidate = activated("candidate", op_.activation, gate("candidate", 2));
    const ValueId output_gate = activated("output_gate", op_.recurrent_activation, gate("output_gate", 3));
    const ValueId cell = activated("cell", op_.activation, add("cell", Mul{}, {input_gate, candidate}));
    if (op_.return_sequences) {
      const ValueId hidden = add("hidden", Mul{}, {output_gate, cell});
      nodes_.push_back({lstm_.name, Reshape{graph_.value(lstm_.output).shape}, {hidden}, lstm_.output});
    } else {
      nodes_.push_back({lstm_.name, Mul{}, {output_gate, cell}, lstm_.output});
    }
    return std::move(nodes_);
  }

 private:
  ValueId add(const std::string& part, Op op, std::vector<ValueId> inputs) {
    Node node{lstm_.name + "/" + part, std::move(op), std::move(inputs), kNoValue};
    node.output = add_value(graph_, node.name, infer_shape(graph_, node));
    nodes_.push_back(std::move(node));
    return nodes_.back().output;
  }
  ValueId activated(const std::string& part, ActivationKind kind, ValueId input) {
    if (kind == ActivationKind::none) return input;
    return add(part + "/" + std::string(activation_name(kind)), Activation{kind}, {input});
  }
  /// The layer of gate `index` in i, f, c, o.
  ValueId gate(const std::string& part, int index) {
    const auto slice = [&](size_t input, const char* what) {
      Value all = graph_.value(lstm_.inputs[input]);
      all.shape[0] /= 4;
      const size_t bytes = all.data.size() / 4, first = bytes * static_cast<size_t>(index);
      all.data = {all.data.begin() + static_cast<ptrdiff_t>(first), all.data.begin() + static_cast<ptrdiff_t>(first + bytes)};
      all.name = lstm_.name + "/" + part + "/" + what;
      graph_.values.push_back(std::move(all));
      return static_cast<ValueId>(graph_.values.size()) - 1;
    };
    return add(part, gate_layer(op_), {step_, slice(1, "kernel"), slice(3, "bias")});
  }

  Graph& graph_;
  const Node& lstm_;
  const Recurrent& op_;
  ValueId step_ = kNoValue;
  std::vector<Node> nodes_;
};

/// The node, or what replaces it.
std::vector<Node> without_dead(Graph& graph, const Node& node) {
  const auto is_dead = [&] { return !keeps_state(node.op) && graph.value(node.inputs[0]).shape[1] == 1; };
  if (std::holds_alternative<ConvLstm2D>(node.op) && is_dead()) return OneStep<ConvLstm2D>(graph, node).nodes();
  if (std::holds_alternative<Lstm>(node.op) && is_dead()) return OneStep<Lstm>(graph, node).nodes();
  return {node};
}

void remove_reshapes(Graph& graph) {
  for (Node& node : graph.nodes) {
    if (!std::holds_alternative<Reshape>(node.op)) continue;
    const int producer = producer_of(graph, node.inputs[0]);
    if (producer >= 0 && std::holds_alternative<Reshape>(graph.nodes[static_cast<size_t>(producer)].op))
      node.inputs[0] = graph.nodes[static_cast<size_t>(producer)].inputs[0];
    const bool changes_nothing = graph.value(node.inputs[0]).shape == graph.value(node.output).shape;
    if (changes_nothing && !is_output(graph, node.output)) replace_uses(graph, node.output, node.inputs[0]);
  }
}

}  // namespace

Graph remove_dead(Graph graph) {
  std::vector<Node> nodes;
  for (const Node& node : graph.nodes)
    for (Node& kept : without_dead(graph, node)) nodes.push_back(std::move(kept));
  graph.nodes = std::move(nodes);
  remove_reshapes(graph);
  remove_unused(graph);
  return graph;
}

}  // namespace slimpilot
