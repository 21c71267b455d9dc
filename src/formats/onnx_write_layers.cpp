// SPDX-License-Identifier: Apache-2.0
// Nodes with weights or windows as ONNX operators. Weights are turned into the file's order here.
#include <algorithm>

#include "base/error.h"
#include "formats/onnx.h"
#include "formats/onnx_constant.h"
#include "formats/onnx_layout.h"
#include "formats/onnx_writing.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

/// Constant i with its dimensions in another order, of which `axis` has the scales.
std::string turned_weight(OnnxNodeWriter& n, size_t i, const std::vector<int>& order, int axis) {
  const Value& w = n.weight(i);
  return n.writing().add_real_constant(permuted(w, w.shape, order, permuted_shape(w.shape, order), axis));
}

/// s64 as s32, or as real numbers where it has more bits.
std::string bias(OnnxNodeWriter& n) {
  const Value& b = n.weight(2);
  if (b.type != ElementType::s64) return n.writing().add_real_constant(b);
  const auto fits = [](int64_t number) { return number >= INT32_MIN && number <= INT32_MAX; };
  if (!std::ranges::all_of(b.elements<int64_t>(), fits))
    return n.writing().add_real_constant(real_constant(b.name, b.shape, constant_as_floats(b)));
  Value narrow{.name = b.name, .shape = b.shape, .type = ElementType::s32, .quantization = b.quantization};
  for (const int64_t number : b.elements<int64_t>()) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&number);
    narrow.data.insert(narrow.data.end(), bytes, bytes + sizeof(int32_t));
  }
  return n.writing().add_real_constant(narrow);
}

template <class Windowed>
OnnxAttributes window(const OnnxNodeWriter& n, const Windowed& op, std::array<int, 2> extent) {
  const Shape& x = n.input(0).shape;
  const PaddedExtent rows = padded_extent(x[1], extent[0], op.stride_h, op.padding),
                     columns = padded_extent(x[2], extent[1], op.stride_w, op.padding);
  return {onnx_attribute("kernel_shape", {extent[0], extent[1]}), onnx_attribute("strides", {op.stride_h, op.stride_w}),
          onnx_attribute("pads", {rows.before, columns.before, rows.after, columns.after})};
}

/// The image behind what `id` has been since it was flattened.
Shape flattened_image(const Graph& graph, ValueId id) {
  for (int producer = producer_of(graph, id); producer >= 0; producer = producer_of(graph, id)) {
    id = graph.nodes[static_cast<size_t>(producer)].inputs[0];
    if (is_image(graph.value(id).shape)) return graph.value(id).shape;
  }
  check(false);
}

/// Gates go from i, f, c, o to i, o, f, c.
std::vector<float> turned_gates(const Value& w) {
  const auto rows = static_cast<size_t>(w.shape[0]) / 4, row = w.shape.size() == 2 ? static_cast<size_t>(w.shape[1]) : 1;
  const std::vector<float> numbers = constant_as_floats(w);
  std::vector<float> turned;
  for (const size_t gate : {0, 3, 1, 2})
    turned.insert(turned.end(), numbers.begin() + static_cast<std::ptrdiff_t>(gate * rows * row),
                  numbers.begin() + static_cast<std::ptrdiff_t>((gate + 1) * rows * row));
  return turned;
}

bool has_onnx_functions(const Lstm& op) {
  return op.activation == ActivationKind::tanh && op.recurrent_activation == ActivationKind::sigmoid;
}

}  // namespace

bool is_onnx_lstm(const Graph& graph, const Node& lstm) {
  return graph.value(lstm.inputs[0]).type == ElementType::f32 && has_onnx_functions(std::get<Lstm>(lstm.op));
}

void write_onnx_op(OnnxNodeWriter& n, const Conv2D& op) {
  const Shape& w = n.input(1).shape;
  const std::string x = n.real(0), weights = turned_weight(n, 1, {0, 3, 1, 2}, 0);
  n.finish_with_clamp("Conv", op.activation, {x, weights, bias(n)}, window(n, op, {w[1], w[2]}));
}

void write_onnx_op(OnnxNodeWriter& n, const DepthwiseConv2D& op) {
  const Shape& w = n.input(1).shape;
  const std::string x = n.real(0), weights = turned_weight(n, 1, {3, 0, 1, 2}, 0);
  OnnxAttributes attributes = window(n, op, {w[1], w[2]});
  attributes.push_back(onnx_attribute("group", int64_t{w[3]}));
  n.finish_with_clamp("Conv", op.activation, {x, weights, bias(n)}, std::move(attributes));
}

void write_onnx_op(OnnxNodeWriter& n, const Dense& op) {
  Value w = n.weight(1);
  if (n.is_channel_order()) {
    const Shape image = flattened_image(n.graph(), n.node().inputs[0]);
    w = permuted(w, {w.shape[0], image[1], image[2], image[3]}, {0, 3, 1, 2}, w.shape);
  }
  const std::string x = n.real(0), weights = n.writing().add_real_constant(w);
  n.finish_with_clamp("Gemm", op.activation, {x, weights, bias(n)}, {onnx_attribute("transB", int64_t{1})});
}

void write_onnx_op(OnnxNodeWriter& n, const Pool2D& op) {
  const Shape& x = n.input(0).shape;
  const bool max = op.kind == PoolKind::max;
  if (op.padding == Padding::valid && op.window_h == x[1] && op.window_w == x[2])
    return n.finish(max ? "GlobalMaxPool" : "GlobalAveragePool", {n.real(0)});
  n.finish(max ? "MaxPool" : "AveragePool", {n.real(0)}, window(n, op, {op.window_h, op.window_w}));
}

void write_onnx_op(OnnxNodeWriter& n, const BatchNorm& op) {
  const size_t rank = n.input(0).shape.size();
  if (rank != 2 && rank != 4) n.fail("is of " + std::to_string(rank) + " dimensions; fold it first");
  std::vector<std::string> inputs;
  for (size_t i = 0; i < n.node().inputs.size(); ++i) inputs.push_back(n.real(i));
  n.finish("BatchNormalization", std::move(inputs), {onnx_attribute("epsilon", op.epsilon)});
}

/// Both functions may be others than ONNX's own.
void write_onnx_op(OnnxNodeWriter& n, const Lstm& op) {
  if (op.stateful) n.fail("keeps its state from frame to frame, which an ONNX file cannot say");
  if (!has_onnx_functions(op)) n.fail("has other functions than tanh and sigmoid; runtimes know no others");
  OnnxWriting& out = n.writing();
  const Shape &x = n.input(0).shape, &w = n.input(1).shape, &r = n.input(2).shape;
  std::vector<float> b = turned_gates(n.input(3));
  b.resize(2 * b.size(), 0);
  const std::string& name = n.output().name;
  const std::string steps = out.unique(name + "/steps"), all = out.unique(name + "/all"), last = out.unique(name + "/last");
  out.add_node("Transpose", steps, {n.real(0)}, {steps}, {onnx_attribute("perm", std::vector<int64_t>{1, 0, 2})});
  const std::string weights = out.add_constant(real_constant(n.input(1).name, {1, w[0], w[1]}, turned_gates(n.input(1))));
  const std::string recurrent = out.add_constant(real_constant(n.input(2).name, {1, r[0], r[1]}, turned_gates(n.input(2))));
  const std::string both = out.add_constant(real_constant(n.input(3).name, {1, static_cast<int>(b.size())}, b));
  out.add_node("LSTM", n.node().name, {steps, weights, recurrent, both}, {all, last},
               {onnx_attribute("hidden_size", int64_t{r[1]})});
  const Shape shape = op.return_sequences ? Shape{1, x[1], r[1]} : Shape{1, r[1]};
  const std::string target = out.add_numbers(n.node().name + "/shape", onnx_integers(shape)), result = n.begin_output();
  out.add_node("Reshape", n.node().name + "/batch", {op.return_sequences ? all : last, target}, {result});
  n.end_output(result);
}

void write_onnx_op(OnnxNodeWriter& n, const ConvLstm2D&) {
  n.fail("has no ONNX operator; one over a single step is lowered by `convert`");
}

}  // namespace slimpilot
