// SPDX-License-Identifier: Apache-2.0
// The graph as text, one line per node.
#include <cstdio>

#include "base/hash.h"
#include "graph/graph.h"

namespace slimpilot {
namespace {

std::string number(int n) { return std::to_string(n); }
std::string pair(int a, int b) { return number(a) + "x" + number(b); }
/// Enough digits to tell every float from its neighbours.
std::string real_text(float x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", static_cast<double>(x));
  return text;
}
std::string_view padding_name(Padding padding) { return padding == Padding::same ? "same" : "valid"; }

template <class Conv>
std::string conv_attributes(const Conv& op) {
  return " stride " + pair(op.stride_h, op.stride_w) + " " + std::string(padding_name(op.padding)) + " " +
         std::string(activation_name(op.activation));
}
template <class Edges>
std::string edge_attributes(const Edges& op) {
  return " top " + number(op.top) + " bottom " + number(op.bottom) + " left " + number(op.left) + " right " + number(op.right);
}

template <class Recurrent>
std::string recurrence_attributes(const Recurrent& op) {
  return " " + std::string(activation_name(op.recurrent_activation)) + (op.return_sequences ? " sequences" : "") +
         (op.stateful ? " stateful" : "");
}

std::string attributes(const Op& op) {
  return std::visit(
      Overloaded{
          [](const Conv2D& o) { return conv_attributes(o); },
          [](const DepthwiseConv2D& o) { return conv_attributes(o); },
          [](const Dense& o) { return " " + std::string(activation_name(o.activation)); },
          [](const ConvLstm2D& o) { return conv_attributes(o) + recurrence_attributes(o); },
          [](const Lstm& o) { return " " + std::string(activation_name(o.activation)) + recurrence_attributes(o); },
          [](const Pool2D& o) {
            return std::string(o.kind == PoolKind::max ? " max " : " average ") + pair(o.window_h, o.window_w) + " stride " +
                   pair(o.stride_h, o.stride_w) + " " + std::string(padding_name(o.padding));
          },
          [](const Activation& o) { return " " + std::string(activation_name(o.kind)); },
          [](const Crop2D& o) { return edge_attributes(o); },
          [](const Pad2D& o) { return edge_attributes(o); },
          [](const LeakyRelu& o) { return " " + real_text(o.alpha); },
          [](const Concat& o) { return " axis " + number(o.axis); },
          [](const Permute& o) {
            std::string text;
            for (const int dimension : o.order) text += " " + number(dimension);
            return text;
          },
          [](const auto&) { return std::string(); },
      },
      op);
}

std::string value_text(const Value& value) {
  return value.name + ":" + std::string(type_name(value.type)) + "[" + shape_text(value.shape) + "]";
}

}  // namespace

std::string to_text(const Graph& graph) {
  std::string text;
  for (const ValueId id : graph.inputs) text += "input " + value_text(graph.value(id)) + "\n";
  for (const Node& node : graph.nodes) {
    text += value_text(graph.value(node.output)) + " = " + std::string(op_name(node.op)) + attributes(node.op) + " (";
    for (size_t i = 0; i < node.inputs.size(); ++i) text += (i ? ", " : "") + value_text(graph.value(node.inputs[i]));
    text += ")\n";
  }
  for (const ValueId id : graph.outputs) text += "output " + value_text(graph.value(id)) + "\n";
  return text;
}

uint64_t hash_of(const Graph& graph) {
  Hash hash;
  hash.add(to_text(graph));
  for (const Value& value : graph.values) hash.add(value.data.data(), value.data.size());
  return hash.value();
}

}  // namespace slimpilot
