// SPDX-License-Identifier: Apache-2.0
// Before: an LSTM over several steps.   After: a dense layer for the gates of all inputs, and in each step one of the hidden
// state, sums and element-wise ops (Hochreiter and Schmidhuber 1997; Keras' gate order i, f, c, o): c = σ(f)·c + σ(i)·φ(g),
// h = σ(o)·φ(c). For formats that have no such layer. An integer one gets its weights in real numbers, as slimpilot's gates are
// real; its hidden state is rounded in each step.
#include <utility>

#include "graph/edit.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

class Unrolled {
 public:
  Unrolled(Graph& graph, const Node& lstm)
      : graph_(graph), lstm_(lstm), op_(std::get<Lstm>(lstm.op)), units_(graph.value(lstm.inputs[2]).shape[1]) {}

  void append_nodes() {
    const Value input = graph_.value(lstm_.inputs[0]);
    is_integer_ = input.type != ElementType::f32;
    const int steps = input.shape[1];
    ValueId x = is_integer_ ? add("real", Dequantize{}, {lstm_.inputs[0]}) : lstm_.inputs[0];
    x = add("rows", Reshape{{steps, input.shape[2]}}, {x});
    const ValueId gates = add("gates", Dense{}, {x, weights(1), weights(3)});
    const ValueId all = add("gates/image", Reshape{{1, steps, 4 * units_, 1}}, {gates});
    const ValueId kernel = weights(2);
    const ValueId none = add_constant(graph_, lstm_.name + "/none", {4 * units_}, std::vector<float>(extent(4 * units_)));
    std::vector<ValueId> hidden;
    for (int t = 0; t < steps; ++t) {
      place_ = "step" + std::to_string(t) + "/";
      ValueId z = add("gates", Crop2D{.top = t, .bottom = steps - 1 - t}, {all});
      if (t > 0) {
        const ValueId row = add("row", Reshape{{1, units_}}, {hidden.back()});
        const ValueId recurrent = add("recurrent", Dense{}, {row, kernel, none});
        z = add("sum", Add{}, {z, add("recurrent/image", Reshape{{1, 1, 4 * units_, 1}}, {recurrent})});
      }
      hidden.push_back(step(z));
    }
    finish(hidden);
  }

 private:
  static size_t extent(int n) { return static_cast<size_t>(n); }
  ValueId add(const std::string& part, Op op, std::vector<ValueId> inputs) {
    return append_node(graph_, lstm_.name + "/" + place_ + part, std::move(op), std::move(inputs));
  }

  /// The constant input as it is, or in real numbers.
  ValueId weights(size_t input) {
    const Value v = graph_.value(lstm_.inputs[input]);
    if (!is_integer_) return lstm_.inputs[input];
    return add_constant(graph_, v.name, v.shape, constant_as_floats(v));
  }

  ValueId gate(ValueId z, const std::string& part, int index, ActivationKind kind) {
    const ValueId sum = add(part, Crop2D{.left = index * units_, .right = (3 - index) * units_}, {z});
    return activated(part, sum, kind);
  }
  ValueId activated(const std::string& part, ValueId x, ActivationKind kind) {
    if (kind == ActivationKind::none) return x;
    return add(part + "/" + std::string(activation_name(kind)), Activation{kind}, {x});
  }

  /// The hidden state [1,1,F,1] after the gates' sums [1,1,4·F,1]; integers are real numbers again, as the next step reads
  /// them.
  ValueId step(ValueId z) {
    const ValueId input_gate = gate(z, "input_gate", 0, op_.recurrent_activation);
    const ValueId candidate = gate(z, "candidate", 2, op_.activation);
    const ValueId output_gate = gate(z, "output_gate", 3, op_.recurrent_activation);
    const ValueId fresh = add("fresh", Mul{}, {input_gate, candidate});
    if (cell_ == kNoValue) {
      cell_ = fresh;
    } else {
      const ValueId kept = add("kept", Mul{}, {gate(z, "forget_gate", 1, op_.recurrent_activation), cell_});
      cell_ = add("cell", Add{}, {kept, fresh});
    }
    const ValueId h = add("hidden", Mul{}, {output_gate, activated("cell", cell_, op_.activation)});
    return is_integer_ ? add("real", Dequantize{}, {rounded(h)}) : h;
  }

  ValueId rounded(ValueId h) {
    const ValueId id = add("rounded", Quantize{}, {h});
    graph_.value(id).type = graph_.value(lstm_.output).type;
    graph_.value(id).quantization = graph_.value(lstm_.output).quantization;
    return id;
  }

  void finish(const std::vector<ValueId>& hidden) {
    place_.clear();
    ValueId result = hidden.back();
    if (op_.return_sequences) result = add("sequence", Concat{1}, hidden);
    if (is_integer_) result = rounded(result);
    graph_.nodes.push_back({lstm_.name, Reshape{graph_.value(lstm_.output).shape}, {result}, lstm_.output});
  }

  Graph& graph_;
  const Node lstm_;
  const Lstm op_;
  const int units_;
  bool is_integer_ = false;
  std::string place_;
  ValueId cell_ = kNoValue;
};

}  // namespace

Graph unroll_lstm(Graph graph, bool (*stays)(const Graph&, const Node&)) {
  const std::vector<Node> nodes = std::exchange(graph.nodes, {});
  for (const Node& node : nodes) {
    if (std::holds_alternative<Lstm>(node.op) && !keeps_state(node.op) && graph.value(node.inputs[0]).shape[0] == 1 &&
        !stays(graph, node))
      Unrolled(graph, node).append_nodes();
    else
      graph.nodes.push_back(node);
  }
  remove_unused(graph);
  return graph;
}

}  // namespace slimpilot
