// SPDX-License-Identifier: Apache-2.0
// Graph → ONNX file. Images become channels first, as runtimes are fastest with; what is flattened in front of dense layers
// stays so, and the weights follow. Integer layers become DequantizeLinear, the layer of real numbers, QuantizeLinear (explicit
// quantization), weights int8 behind a DequantizeLinear per output.
#include <algorithm>
#include <deque>
#include <map>
#include <numeric>
#include <set>

#include "base/error.h"
#include "formats/formats.h"
#include "formats/metadata.h"
#include "formats/onnx_constant.h"
#include "formats/onnx_file.h"
#include "formats/onnx_layout.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

constexpr size_t kLargestFile = (size_t{1} << 31) - (size_t{1} << 24);  // Protocol Buffers' limit, less what is not weights

OnnxType onnx_type(ElementType type) {
  switch (type) {
    case ElementType::f32: return OnnxType::float32;
    case ElementType::f16: return OnnxType::float16;
    case ElementType::s8: return OnnxType::int8;
    case ElementType::u8: return OnnxType::uint8;
    case ElementType::s16: return OnnxType::int16;
    case ElementType::s32: return OnnxType::int32;
    case ElementType::s64: return OnnxType::int64;
  }
  check(false);
}

bool is_image(const Shape& shape) { return shape.size() == 4; }
Shape stored_shape(const Shape& shape) { return is_image(shape) ? permuted_shape(shape, channels_first(4)) : shape; }
std::vector<int64_t> wide(const std::vector<int>& numbers) { return {numbers.begin(), numbers.end()}; }

OnnxAttribute attribute(std::string name, int64_t number) {
  return {.name = std::move(name), .kind = OnnxAttribute::Kind::integer, .integer = number};
}
OnnxAttribute attribute(std::string name, float number) {
  return {.name = std::move(name), .kind = OnnxAttribute::Kind::real, .real = number};
}
OnnxAttribute attribute(std::string name, std::vector<int64_t> numbers) {
  return {.name = std::move(name), .kind = OnnxAttribute::Kind::integers, .integers = std::move(numbers)};
}
using Attributes = std::vector<OnnxAttribute>;

class Writer {
 public:
  explicit Writer(const Graph& graph) : graph_(graph) {}
  std::string write();

 private:
  [[noreturn]] void fail(const Node& node, const std::string& what) const {
    throw Error("layer '" + node.name + "' (" + std::string(op_name(node.op)) + "): " + what);
  }
  const Value& value(ValueId id) const { return graph_.value(id); }
  const Value& input(const Node& node, size_t i) const { return value(node.inputs[i]); }
  std::string unique(const std::string& name);
  std::string name_for(ValueId id);
  void add_node(std::string kind, std::string name, std::vector<std::string> inputs, std::string output,
                Attributes attributes = {});
  std::string add_constant_tensor(const Value& constant);
  std::string add_numbers(const std::string& name, std::vector<int64_t> numbers);
  std::string add_number(const std::string& name, float number);
  std::pair<std::string, std::string> scale_and_zero(const std::string& name, const Value& v);

  std::string stored(ValueId id);
  std::string real(ValueId id);
  std::string constant_real(const Value& constant);
  std::string weight(const Node& node, size_t i, const std::vector<int>& order, int axis);
  std::string bias(const Node& node);
  std::string second(const Node& node);
  void finish(const Node& node, const std::string& kind, std::vector<std::string> inputs, Attributes attributes = {});
  void finish_with_clamp(const Node& node, const std::string& kind, ActivationKind clamp, std::vector<std::string> inputs,
                         Attributes attributes);
  std::string begin_output(const Node& node);
  void end_output(const Node& node, const std::string& real_name);
  void add_activation(ActivationKind kind, const std::string& name, const std::string& input, const std::string& output);
  bool flattens_for_dense(const Node& node) const;
  template <class Windowed>
  Attributes window(const Node& node, const Windowed& op, std::array<int, 2> extent) const;

  void write_op(const Node& node, const Conv2D& op);
  void write_op(const Node& node, const DepthwiseConv2D& op);
  void write_op(const Node& node, const Dense& op);
  void write_op(const Node& node, const Lstm& op);
  void write_op(const Node& node, const ConvLstm2D&) {
    fail(node, "has no ONNX operator; one over a single step is lowered by `convert`");
  }
  void write_op(const Node& node, const Pool2D& op);
  void write_op(const Node& node, const BatchNorm& op);
  void write_op(const Node& node, const Activation& op);
  void write_op(const Node& node, const Reshape& op);
  void write_op(const Node& node, const Crop2D& op);
  void write_op(const Node& node, const Pad2D& op);
  void write_op(const Node& node, const Add&) { finish(node, "Add", {real(node.inputs[0]), second(node)}); }
  void write_op(const Node& node, const Mul&) { finish(node, "Mul", {real(node.inputs[0]), second(node)}); }
  void write_op(const Node& node, const Quantize&) { end_output(node, real(node.inputs[0])); }
  void write_op(const Node& node, const Dequantize&);
  void write_op(const Node& node, const LeakyRelu& op) {
    finish(node, "LeakyRelu", {real(node.inputs[0])}, {attribute("alpha", op.alpha)});
  }
  void write_op(const Node& node, const Softmax&);
  void write_op(const Node& node, const Concat& op);
  void write_op(const Node& node, const Permute& op);

  void add_inputs();
  void add_outputs();
  OnnxValueInfo info(const std::string& name, const Value& v, const Shape& shape) const {
    return {.name = name, .type = onnx_type(v.type), .dims = wide(shape)};
  }

  const Graph& graph_;
  OnnxModel model_;
  std::deque<Value> constants_;  // whose bytes the model's tensors point to
  std::set<std::string> names_;
  std::map<ValueId, std::string> stored_;  // the tensor that a value is, in its own type
  std::map<ValueId, std::string> real_;    // and as real numbers
  std::set<ValueId> channel_order_;        // flattened images whose elements stand channels first
  size_t bytes_ = 0;
};

/// Tensors have names of their own, values of a graph need not.
std::string Writer::unique(const std::string& name) {
  std::string candidate = name.empty() ? "value" : name;
  for (int i = 2; !names_.insert(candidate).second; ++i) candidate = name + "_" + std::to_string(i);
  return candidate;
}

/// Of a computed value. The name of an output is kept for what the network yields: an image still has to be turned.
std::string Writer::name_for(ValueId id) {
  const std::string& name = value(id).name;
  if (!is_output(graph_, id)) return unique(name);
  return is_image(value(id).shape) ? unique(name + "/channels_first") : name;
}

void Writer::add_node(std::string kind, std::string name, std::vector<std::string> inputs, std::string output,
                      Attributes attributes) {
  model_.nodes.push_back({.name = std::move(name),
                          .kind = std::move(kind),
                          .inputs = std::move(inputs),
                          .outputs = {std::move(output)},
                          .attributes = std::move(attributes)});
}

std::string Writer::add_constant_tensor(const Value& constant) {
  const std::string name = unique(constant.name);
  const Value& kept = constants_.emplace_back(constant);
  bytes_ += kept.data.size();
  if (bytes_ > kLargestFile) throw Error("the weights exceed 2 GB, more than an .onnx file can hold");
  const std::string_view raw(reinterpret_cast<const char*>(kept.data.data()), kept.data.size());
  model_.initializers.push_back({.name = name, .dims = wide(kept.shape), .type = onnx_type(kept.type), .raw = raw});
  return name;
}

std::string Writer::add_numbers(const std::string& name, std::vector<int64_t> numbers) {
  return add_constant_tensor(integer_constant(name, {static_cast<int>(numbers.size())}, numbers));
}
std::string Writer::add_number(const std::string& name, float number) {
  return add_constant_tensor(real_constant(name, {}, {number}));
}

/// The quantization of `v` as two constants: numbers, or vectors along its axis. s32 has no zero point.
std::pair<std::string, std::string> Writer::scale_and_zero(const std::string& name, const Value& v) {
  const Quantization& q = *v.quantization;
  const Shape shape = q.axis < 0 ? Shape{} : Shape{static_cast<int>(q.scale.size())};
  const std::string scale = add_constant_tensor(real_constant(name + "/scale", shape, q.scale));
  if (v.type == ElementType::s32) return {scale, {}};
  Value zero{.name = name + "/zero_point", .shape = shape, .type = v.type};
  for (const int32_t number : q.zero_point) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&number);
    zero.data.insert(zero.data.end(), bytes, bytes + element_size(v.type));
  }
  return {scale, add_constant_tensor(zero)};
}

std::string Writer::stored(ValueId id) { return stored_.at(id); }

/// A constant, behind what makes real numbers of it.
std::string Writer::constant_real(const Value& constant) {
  const std::string name = add_constant_tensor(constant);
  if (constant.type == ElementType::f32) return name;
  const std::string target = unique(constant.name + "/real");
  if (constant.type == ElementType::f16) {
    add_node("Cast", target, {name}, target, {attribute("to", int64_t{1})});
    return target;
  }
  const auto [scale, zero] = scale_and_zero(constant.name, constant);
  std::vector<std::string> inputs{name, scale};
  if (!zero.empty()) inputs.push_back(zero);
  const int axis = constant.quantization->axis;
  add_node("DequantizeLinear", target, std::move(inputs), target,
           axis < 0 ? Attributes{} : Attributes{attribute("axis", int64_t{axis})});
  return target;
}

/// A value as a tensor of real numbers.
std::string Writer::real(ValueId id) {
  const Value& v = value(id);
  if (const auto known = real_.find(id); known != real_.end()) return known->second;
  if (v.is_constant()) return real_[id] = constant_real(v);
  if (v.type == ElementType::f32) return stored(id);
  const std::string name = unique(v.name + "/real");
  const auto [scale, zero] = scale_and_zero(v.name + "/dequantize", v);
  add_node("DequantizeLinear", name, {stored(id), scale, zero}, name);
  return real_[id] = name;
}

/// The node's constant i with its dimensions in another order, of which `axis` has the scales.
std::string Writer::weight(const Node& node, size_t i, const std::vector<int>& order, int axis) {
  const Value& w = input(node, i);
  if (!w.is_constant()) fail(node, "weights and bias must be constants");
  return constant_real(permuted(w, w.shape, order, permuted_shape(w.shape, order), axis));
}

/// s64 as s32, or as real numbers where it has more bits.
std::string Writer::bias(const Node& node) {
  Value b = input(node, 2);
  if (!b.is_constant()) fail(node, "weights and bias must be constants");
  if (b.type != ElementType::s64) return constant_real(b);
  const auto fits = [](int64_t number) { return number >= INT32_MIN && number <= INT32_MAX; };
  if (!std::ranges::all_of(b.elements<int64_t>(), fits))
    return constant_real(real_constant(b.name, b.shape, constant_as_floats(b)));
  Value narrow{.name = b.name, .shape = b.shape, .type = ElementType::s32, .quantization = b.quantization};
  for (const int64_t number : b.elements<int64_t>()) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&number);
    narrow.data.insert(narrow.data.end(), bytes, bytes + sizeof(int32_t));
  }
  return constant_real(narrow);
}

/// The second operand of a sum or product, in the file's order; what is repeated gets the dimensions in which it is.
std::string Writer::second(const Node& node) {
  const Shape &all = input(node, 0).shape, &part = input(node, 1).shape;
  const bool alike = part.size() == all.size() || element_count(part) == 1 || !is_image(all);
  if (!input(node, 1).is_constant()) {
    if (!alike) fail(node, "repeats a tensor of " + shape_text(part) + " over an image; give it the image's dimensions");
    return real(node.inputs[1]);
  }
  if (!is_image(all) || element_count(part) == 1) return real(node.inputs[1]);
  Value constant = input(node, 1);
  if (constant.quantization && constant.quantization->axis >= 0) fail(node, "a constant has several scales");
  constant.shape.insert(constant.shape.begin(), all.size() - part.size(), 1);
  return constant_real(
      permuted(constant, constant.shape, channels_first(4), permuted_shape(constant.shape, channels_first(4))));
}

/// The name under which the node's operator yields real numbers.
std::string Writer::begin_output(const Node& node) {
  const std::string& name = value(node.output).name;
  if (value(node.output).type == ElementType::f32) return stored_[node.output] = name_for(node.output);
  return unique(name + "/linear");
}

/// Quantizes the node's result if it is of integers.
void Writer::end_output(const Node& node, const std::string& real_name) {
  const Value& v = value(node.output);
  if (v.type == ElementType::f32) return;
  stored_[node.output] = name_for(node.output);
  const auto [scale, zero] = scale_and_zero(v.name + "/quantize", v);
  const bool itself = std::holds_alternative<Quantize>(node.op);
  add_node("QuantizeLinear", itself ? node.name : node.name + "/quantize", {real_name, scale, zero}, stored_[node.output]);
}

void Writer::finish(const Node& node, const std::string& kind, std::vector<std::string> inputs, Attributes attributes) {
  const std::string result = begin_output(node);
  add_node(kind, node.name, std::move(inputs), result, std::move(attributes));
  end_output(node, result);
}

void Writer::finish_with_clamp(const Node& node, const std::string& kind, ActivationKind clamp, std::vector<std::string> inputs,
                               Attributes attributes) {
  if (clamp == ActivationKind::none) return finish(node, kind, std::move(inputs), std::move(attributes));
  const std::string layer = unique(value(node.output).name + "/layer"), result = begin_output(node);
  add_node(kind, node.name, std::move(inputs), layer, std::move(attributes));
  add_activation(clamp, node.name + "/" + std::string(activation_name(clamp)), layer, result);
  end_output(node, result);
}

void Writer::add_activation(ActivationKind kind, const std::string& name, const std::string& in, const std::string& out) {
  switch (kind) {
    case ActivationKind::none: return add_node("Identity", name, {in}, out);
    case ActivationKind::relu: return add_node("Relu", name, {in}, out);
    case ActivationKind::elu: return add_node("Elu", name, {in}, out);
    case ActivationKind::tanh: return add_node("Tanh", name, {in}, out);
    case ActivationKind::sigmoid: return add_node("Sigmoid", name, {in}, out);
    case ActivationKind::hard_sigmoid:
      return add_node("HardSigmoid", name, {in}, out, {attribute("alpha", .2f), attribute("beta", .5f)});
    case ActivationKind::relu6:
    case ActivationKind::relu_n1_to_1:
    case ActivationKind::relu_0_to_1: break;
  }
  const ClampRange range = clamp_range(kind);
  add_node("Clip", name, {in, add_number(name + "/low", range.low), add_number(name + "/high", range.high)}, out);
}

template <class Windowed>
Attributes Writer::window(const Node& node, const Windowed& op, std::array<int, 2> extent) const {
  const Shape& x = input(node, 0).shape;
  const PaddedExtent rows = padded_extent(x[1], extent[0], op.stride_h, op.padding),
                     columns = padded_extent(x[2], extent[1], op.stride_w, op.padding);
  return {attribute("kernel_shape", {extent[0], extent[1]}), attribute("strides", {op.stride_h, op.stride_w}),
          attribute("pads", {rows.before, columns.before, rows.after, columns.after})};
}

void Writer::write_op(const Node& node, const Conv2D& op) {
  const Shape& w = input(node, 1).shape;
  const std::string x = real(node.inputs[0]), weights = weight(node, 1, {0, 3, 1, 2}, 0);
  finish_with_clamp(node, "Conv", op.activation, {x, weights, bias(node)}, window(node, op, {w[1], w[2]}));
}

void Writer::write_op(const Node& node, const DepthwiseConv2D& op) {
  const Shape& w = input(node, 1).shape;
  const std::string x = real(node.inputs[0]), weights = weight(node, 1, {3, 0, 1, 2}, 0);
  Attributes attributes = window(node, op, {w[1], w[2]});
  attributes.push_back(attribute("group", int64_t{w[3]}));
  finish_with_clamp(node, "Conv", op.activation, {x, weights, bias(node)}, std::move(attributes));
}

/// The image behind what `id` has been since it was flattened.
Shape flattened_image(const Graph& graph, ValueId id) {
  for (int producer = producer_of(graph, id); producer >= 0; producer = producer_of(graph, id)) {
    id = graph.nodes[static_cast<size_t>(producer)].inputs[0];
    if (is_image(graph.value(id).shape)) return graph.value(id).shape;
  }
  check(false);
}

void Writer::write_op(const Node& node, const Dense& op) {
  Value w = input(node, 1);
  if (!w.is_constant()) fail(node, "weights and bias must be constants");
  if (channel_order_.contains(node.inputs[0])) {
    const Shape image = flattened_image(graph_, node.inputs[0]);
    w = permuted(w, {w.shape[0], image[1], image[2], image[3]}, {0, 3, 1, 2}, w.shape);
  }
  const std::string x = real(node.inputs[0]), weights = constant_real(w);
  finish_with_clamp(node, "Gemm", op.activation, {x, weights, bias(node)}, {attribute("transB", int64_t{1})});
}

void Writer::write_op(const Node& node, const Pool2D& op) {
  const Shape& x = input(node, 0).shape;
  if (op.padding == Padding::valid && op.window_h == x[1] && op.window_w == x[2])
    return finish(node, op.kind == PoolKind::max ? "GlobalMaxPool" : "GlobalAveragePool", {real(node.inputs[0])});
  finish(node, op.kind == PoolKind::max ? "MaxPool" : "AveragePool", {real(node.inputs[0])},
         window(node, op, {op.window_h, op.window_w}));
}

void Writer::write_op(const Node& node, const BatchNorm& op) {
  const size_t rank = input(node, 0).shape.size();
  if (rank != 2 && rank != 4) fail(node, "is of " + std::to_string(rank) + " dimensions; fold it first");
  std::vector<std::string> inputs;
  for (const ValueId id : node.inputs) inputs.push_back(real(id));
  finish(node, "BatchNormalization", std::move(inputs), {attribute("epsilon", op.epsilon)});
}

void Writer::write_op(const Node& node, const Activation& op) {
  const std::string x = real(node.inputs[0]), result = begin_output(node);
  add_activation(op.kind, node.name, x, result);
  if (channel_order_.contains(node.inputs[0])) channel_order_.insert(node.output);
  end_output(node, result);
}

/// Whether an image becomes one row that dense layers alone read, with nothing but functions of single elements between.
bool Writer::flattens_for_dense(const Node& node) const {
  const Shape &x = input(node, 0).shape, &y = value(node.output).shape;
  if (!is_image(x) || y.size() != 2 || y[0] != 1) return false;
  std::vector<ValueId> open{node.output};
  while (!open.empty()) {
    const ValueId id = open.back();
    open.pop_back();
    if (is_output(graph_, id)) return false;
    for (const int i : consumers_of(graph_, id)) {
      const Node& reader = graph_.nodes[static_cast<size_t>(i)];
      const bool passes = std::holds_alternative<Activation>(reader.op) || std::holds_alternative<Quantize>(reader.op) ||
                          std::holds_alternative<Dequantize>(reader.op);
      if (!passes && !std::holds_alternative<Dense>(reader.op)) return false;
      if (passes) open.push_back(reader.output);
    }
  }
  return true;
}

void Writer::write_op(const Node& node, const Reshape& op) {
  std::string x = real(node.inputs[0]);
  const std::string& name = value(node.output).name;
  if (flattens_for_dense(node)) {
    channel_order_.insert(node.output);
    return finish(node, "Flatten", {x}, {attribute("axis", int64_t{1})});
  }
  if (is_image(input(node, 0).shape)) {
    const std::string turned = unique(name + "/channels_last");
    add_node("Transpose", turned, {x}, turned, {attribute("perm", wide(channels_last(4)))});
    x = turned;
  }
  const std::string shape = add_numbers(node.name + "/shape", wide(op.shape));
  if (!is_image(op.shape)) return finish(node, "Reshape", {x, shape});
  const bool is_named = value(node.output).type == ElementType::f32 && !is_output(graph_, node.output);
  const std::string rows = unique(is_named ? name : name + "/rows");  // the tensor that has the value's shape has its name
  const std::string result = is_named ? stored_[node.output] = unique(name + "/channels_first") : begin_output(node);
  add_node("Reshape", node.name, {x, shape}, rows);
  add_node("Transpose", node.name + "/channels_first", {rows}, result, {attribute("perm", wide(channels_first(4)))});
  end_output(node, result);
}

void Writer::write_op(const Node& node, const Crop2D& op) {
  const Shape& x = input(node, 0).shape;
  const std::string starts = add_numbers(node.name + "/starts", {op.top, op.left}),
                    ends = add_numbers(node.name + "/ends", {x[1] - op.bottom, x[2] - op.right});
  finish(node, "Slice", {real(node.inputs[0]), starts, ends, add_numbers(node.name + "/axes", {2, 3})});
}

void Writer::write_op(const Node& node, const Pad2D& op) {
  const std::string pads = add_numbers(node.name + "/pads", {0, 0, op.top, op.left, 0, 0, op.bottom, op.right});
  finish(node, "Pad", {real(node.inputs[0]), pads});
}

void Writer::write_op(const Node& node, const Dequantize&) {
  const Value& v = input(node, 0);
  if (channel_order_.contains(node.inputs[0])) channel_order_.insert(node.output);
  const auto [scale, zero] = scale_and_zero(v.name + "/dequantize", v);
  const std::string result = begin_output(node);
  add_node("DequantizeLinear", node.name, {stored(node.inputs[0]), scale, zero}, result);
}

void Writer::write_op(const Node& node, const Softmax&) {
  const int64_t axis = is_image(input(node, 0).shape) ? 1 : -1;
  finish(node, "Softmax", {real(node.inputs[0])}, {attribute("axis", axis)});
}

void Writer::write_op(const Node& node, const Concat& op) {
  std::vector<std::string> inputs;
  for (const ValueId id : node.inputs) {
    if (value(id).is_constant()) fail(node, "joins a constant");
    inputs.push_back(real(id));
  }
  const int axis = is_image(value(node.output).shape) ? channels_last(4)[static_cast<size_t>(op.axis)] : op.axis;
  finish(node, "Concat", std::move(inputs), {attribute("axis", int64_t{axis})});
}

void Writer::write_op(const Node& node, const Permute& op) {
  std::vector<int> order = op.order;
  if (is_image(input(node, 0).shape))
    order = permuted_shape(inverse(channels_first(4)), permuted_shape(op.order, channels_first(4)));
  finish(node, "Transpose", {real(node.inputs[0])}, {attribute("perm", wide(order))});
}

/// Both functions may be others than ONNX's own; gates go from i, f, c, o to i, o, f, c.
void Writer::write_op(const Node& node, const Lstm& op) {
  if (op.stateful) fail(node, "keeps its state from frame to frame, which an ONNX file cannot say");
  if (op.activation != ActivationKind::tanh || op.recurrent_activation != ActivationKind::sigmoid)
    fail(node, "has other functions than tanh and sigmoid; runtimes know no others");
  const auto gates = [&](size_t i) {
    const Value& w = input(node, i);
    const auto rows = static_cast<size_t>(w.shape[0]) / 4, row = w.shape.size() == 2 ? static_cast<size_t>(w.shape[1]) : 1;
    const std::vector<float> numbers = constant_as_floats(w);
    std::vector<float> turned;
    for (const size_t gate : {0, 3, 1, 2})
      turned.insert(turned.end(), numbers.begin() + static_cast<std::ptrdiff_t>(gate * rows * row),
                    numbers.begin() + static_cast<std::ptrdiff_t>((gate + 1) * rows * row));
    return turned;
  };
  const Shape &x = input(node, 0).shape, &w = input(node, 1).shape, &r = input(node, 2).shape;
  std::vector<float> b = gates(3);
  b.resize(2 * b.size(), 0);
  const std::string& name = value(node.output).name;
  const std::string steps = unique(name + "/steps"), all = unique(name + "/all"), last = unique(name + "/last");
  add_node("Transpose", steps, {real(node.inputs[0])}, steps, {attribute("perm", std::vector<int64_t>{1, 0, 2})});
  const std::string weights = add_constant_tensor(real_constant(input(node, 1).name, {1, w[0], w[1]}, gates(1)));
  const std::string recurrent = add_constant_tensor(real_constant(input(node, 2).name, {1, r[0], r[1]}, gates(2)));
  const std::string bias = add_constant_tensor(real_constant(input(node, 3).name, {1, static_cast<int>(b.size())}, b));
  add_node("LSTM", node.name, {steps, weights, recurrent, bias}, all, {attribute("hidden_size", int64_t{r[1]})});
  model_.nodes.back().outputs.push_back(last);
  const std::vector<int> shape = op.return_sequences ? Shape{1, x[1], r[1]} : Shape{1, r[1]};
  const std::string target = add_numbers(node.name + "/shape", wide(shape)), result = begin_output(node);
  add_node("Reshape", node.name + "/batch", {op.return_sequences ? all : last, target}, result);
  end_output(node, result);
}

void Writer::add_inputs() {
  for (const ValueId id : graph_.outputs)
    if (!names_.insert(value(id).name).second)
      throw Error("two outputs are named '" + value(id).name + "'; give each its own name");
  for (const ValueId id : graph_.inputs) {
    if (is_output(graph_, id)) throw Error("input '" + value(id).name + "' is an output too; there is nothing to compute");
    stored_[id] = unique(value(id).name);
    model_.inputs.push_back(info(stored_[id], value(id), stored_shape(value(id).shape)));
  }
}

/// Images that are results come channels last, so that their numbers stand in the graph's order.
void Writer::add_outputs() {
  for (const ValueId id : graph_.outputs) {
    const Value& v = value(id);
    if (is_image(v.shape))
      add_node("Transpose", v.name + "/channels_last", {stored(id)}, v.name, {attribute("perm", wide(channels_last(4)))});
    model_.outputs.push_back(info(v.name, v, v.shape));
  }
}

std::string Writer::write() {
  add_inputs();
  bool is_wide = false;
  for (const Node& node : graph_.nodes) {
    if (std::holds_alternative<Quantize>(node.op) && channel_order_.contains(node.inputs[0]))
      channel_order_.insert(node.output);
    std::visit([&](const auto& op) { write_op(node, op); }, node.op);
    is_wide = is_wide || value(node.output).type == ElementType::s16 || input(node, 0).type == ElementType::s16;
  }
  add_outputs();
  model_.ir_version = is_wide ? 10 : 8;
  model_.opsets = {{.domain = "", .version = is_wide ? 21 : 13}};  // 16 bits are quantized since 21
  model_.producer = "slimpilot";
  model_.name = graph_.name.empty() ? "network" : graph_.name;
  model_.properties = {{.key = kMetadataName, .value = metadata_of(graph_)}};
  return to_bytes(model_);
}

}  // namespace

std::string to_onnx(const Graph& graph) {
  verify(graph);
  return Writer(graph).write();
}

}  // namespace slimpilot
