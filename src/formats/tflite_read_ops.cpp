// SPDX-License-Identifier: Apache-2.0
// One TensorFlow Lite operator → nodes. Shapes and types are verified later, on the whole graph; here only what the
// conversion itself relies on is checked.
#include "formats/tflite_read_ops.h"

#include <tflite_generated.h>

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "formats/tflite_read_unsigned.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

using tflite_schema::ActivationFunctionType;
using tflite_schema::BuiltinOperator;

constexpr int kLargestWindow = 1 << 16;  // of strides and windows: far beyond any image, far from overflow

[[noreturn]] void fail(const std::string& what) { throw Error(what); }
void need(bool condition, const std::string& what) {
  if (!condition) fail(what);
}

ActivationKind fused_kind(ActivationFunctionType function) {
  switch (function) {
    case ActivationFunctionType::NONE: return ActivationKind::none;
    case ActivationFunctionType::RELU: return ActivationKind::relu;
    case ActivationFunctionType::RELU_N1_TO_1: return ActivationKind::relu_n1_to_1;
    case ActivationFunctionType::RELU6: return ActivationKind::relu6;
    default: fail("its fused activation " + std::to_string(static_cast<int>(function)) + " is unknown");
  }
}

Padding padding_of(tflite_schema::Padding padding) {
  need(padding == tflite_schema::Padding::SAME || padding == tflite_schema::Padding::VALID, "its padding is unknown");
  return padding == tflite_schema::Padding::SAME ? Padding::same : Padding::valid;
}

int window(int extent) {
  need(extent > 0 && extent <= kLargestWindow, "a stride or window of " + std::to_string(extent) + " is absurd");
  return extent;
}

Shape without_leading_ones(const Shape& shape) {
  return {std::ranges::find_if(shape, [](int extent) { return extent != 1; }), shape.end()};
}

class OperatorReader {
 public:
  OperatorReader(TfliteReading& reading, const tflite_schema::Operator& op)
      : graph_(reading.graph), reading_(reading), op_(op) {
    need(op.outputs() && op.outputs()->size() == 1, "needs one output");
    output_ = op.outputs()->Get(0);
    for (const int id : *op.inputs()) inputs_.push_back(id < 0 ? kNoValue : reading.stands_for[static_cast<size_t>(id)]);
  }

  void read(BuiltinOperator code);

 private:
  const Value& value(ValueId id) const { return graph_.value(id); }
  ValueId input(size_t i) const {
    need(i < inputs_.size() && inputs_[i] != kNoValue, "input " + std::to_string(i) + " is missing");
    return inputs_[i];
  }
  template <class Options>
  const Options& options(const Options* table) const {
    need(table != nullptr, "its options are missing");
    return *table;
  }

  /// A new value like `id` (type, quantization) under another name and shape.
  ValueId add_like(ValueId id, const std::string& suffix, Shape shape) {
    Value fresh{.name = value(output_).name + suffix, .shape = std::move(shape), .type = value(id).type};
    fresh.quantization = value(id).quantization;
    graph_.values.push_back(std::move(fresh));
    return static_cast<ValueId>(graph_.values.size()) - 1;
  }
  /// A copy of a constant under another shape of as many elements.
  ValueId add_reshaped_constant(ValueId id, const std::string& suffix, Shape shape) {
    reading_.take(value(id).data.size());
    Value copy = value(id);
    copy.name = value(output_).name + suffix;
    copy.shape = std::move(shape);
    graph_.values.push_back(std::move(copy));
    return static_cast<ValueId>(graph_.values.size()) - 1;
  }
  void add_node(Op op, std::vector<ValueId> inputs, ValueId output) {
    graph_.nodes.push_back({.name = value(output).name, .op = std::move(op), .inputs = std::move(inputs), .output = output});
  }
  /// A layer with weights.
  void add_layer(Op op, std::vector<ValueId> inputs, ValueId output) {
    if (is_unsigned()) make_symmetric(reading_, op, inputs, output);
    add_node(std::move(op), std::move(inputs), output);
  }
  bool is_unsigned() const { return reading_.was_unsigned[static_cast<size_t>(op_.outputs()->Get(0))]; }
  /// For ops that cannot clamp themselves: an Activation behind them.
  void add_clamped(Op op, std::vector<ValueId> inputs, ActivationFunctionType function) {
    const ActivationKind kind = fused_kind(function);
    if (kind == ActivationKind::none) return add_node(std::move(op), std::move(inputs), output_);
    const ValueId linear = add_like(output_, "/linear", value(output_).shape);
    add_node(std::move(op), std::move(inputs), linear);
    add_node(Activation{kind}, {linear}, output_);
  }

  std::vector<int64_t> integers(size_t i, const Shape& shape) const;
  ValueId bias(int channels);
  void read_conv();
  void read_depthwise();
  void read_dense();
  void read_pool(PoolKind kind);
  void read_crop();
  void read_pad();
  template <class Pair, class Options>
  void read_pair(const Options* options_table);
  void read_per_channel(bool multiplies, ValueId constant, ActivationFunctionType function);
  void read_concat();
  void read_permute();
  void read_softmax();
  void read_dequantize();
  void read_densify();

  Graph& graph_;
  TfliteReading& reading_;
  const tflite_schema::Operator& op_;
  std::vector<ValueId> inputs_;
  ValueId output_ = kNoValue;
};

/// Input i as integers: an int32 or int64 constant of this shape.
std::vector<int64_t> OperatorReader::integers(size_t i, const Shape& shape) const {
  const Value& v = value(input(i));
  const bool wide = v.type == ElementType::s64;
  need(v.is_constant() && v.shape == shape && (wide || v.type == ElementType::s32),
       "input " + std::to_string(i) + " must be a constant of " + shape_text(shape) + " integers");
  if (!wide) return {v.elements<int32_t>().begin(), v.elements<int32_t>().end()};
  return {v.elements<int64_t>().begin(), v.elements<int64_t>().end()};
}

/// Input 2, or zeros where the file leaves it out; integers with the scale input·weights, as the format demands.
ValueId OperatorReader::bias(int channels) {
  if (inputs_.size() > 2 && inputs_[2] != kNoValue) return inputs_[2];
  const Value &x = value(input(0)), &w = value(input(1));
  Value zeros{.name = value(output_).name + "/bias", .shape = {channels}};
  if (x.type == ElementType::s8 || x.type == ElementType::s16) {
    need(x.quantization && x.quantization->scale.size() == 1 && w.quantization, "its integers have no scale");
    zeros.type = x.type == ElementType::s8 ? ElementType::s32 : ElementType::s64;
    zeros.quantization = *w.quantization;
    for (float& scale : zeros.quantization->scale) scale *= x.quantization->scale[0];
    if (zeros.quantization->axis >= 0) zeros.quantization->axis = 0;
  }
  const size_t bytes = static_cast<size_t>(channels) * element_size(zeros.type);
  reading_.take(bytes);
  zeros.data.resize(bytes);
  graph_.values.push_back(std::move(zeros));
  return static_cast<ValueId>(graph_.values.size()) - 1;
}

void OperatorReader::read_conv() {
  const auto& o = options(op_.builtin_options_as_Conv2DOptions());
  need(o.dilation_h_factor() == 1 && o.dilation_w_factor() == 1, "is dilated, which slimpilot does not compute");
  const Value& w = value(input(1));
  need(w.is_constant() && w.shape.size() == 4, "weights must be a constant of four dimensions");
  const ValueId b = bias(w.shape[0]);
  add_layer(
      Conv2D{window(o.stride_h()), window(o.stride_w()), padding_of(o.padding()), fused_kind(o.fused_activation_function())},
      {input(0), input(1), b}, output_);
}

void OperatorReader::read_depthwise() {
  const auto& o = options(op_.builtin_options_as_DepthwiseConv2DOptions());
  need(o.dilation_h_factor() == 1 && o.dilation_w_factor() == 1, "is dilated, which slimpilot does not compute");
  const Value &x = value(input(0)), &w = value(input(1));
  need(w.is_constant() && w.shape.size() == 4, "weights must be a constant of four dimensions");
  need(x.shape.size() == 4 && x.shape[3] == w.shape[3], "has a depth multiplier other than 1");
  const ValueId b = bias(w.shape[3]);
  add_layer(DepthwiseConv2D{window(o.stride_h()), window(o.stride_w()), padding_of(o.padding()),
                            fused_kind(o.fused_activation_function())},
            {input(0), input(1), b}, output_);
}

/// The operator flattens its input by itself, and may keep the leading dimensions; in a graph these are Reshapes.
void OperatorReader::read_dense() {
  const auto& o = options(op_.builtin_options_as_FullyConnectedOptions());
  need(o.weights_format() == tflite_schema::FullyConnectedOptionsWeightsFormat::DEFAULT, "its weights are shuffled");
  const Value& w = value(input(1));
  need(w.is_constant() && w.shape.size() == 2, "weights must be a constant of two dimensions");
  const int outputs = w.shape[0], wanted = w.shape[1];
  ValueId x = input(0);
  const int64_t count = element_count(value(x).shape);
  need(count % wanted == 0, "weights " + shape_text(w.shape) + " do not fit the input " + shape_text(value(x).shape));
  const Shape rows{static_cast<int>(count / wanted), wanted}, result{rows[0], outputs};
  const ValueId b = bias(outputs);
  if (value(x).shape != rows) {
    const ValueId flat = add_like(x, "/flat", rows);
    add_node(Reshape{rows}, {x}, flat);
    x = flat;
  }
  const Shape shape = value(output_).shape;
  const bool reshaped = shape != result && element_count(shape) == int64_t{rows[0]} * outputs;
  const ValueId y = reshaped ? add_like(output_, "/rows", result) : output_;
  add_layer(Dense{fused_kind(o.fused_activation_function())}, {x, input(1), b}, y);
  if (reshaped) add_node(Reshape{shape}, {y}, output_);
}

void OperatorReader::read_pool(PoolKind kind) {
  const auto& o = options(op_.builtin_options_as_Pool2DOptions());
  const Pool2D pool{kind,
                    window(o.filter_height()),
                    window(o.filter_width()),
                    window(o.stride_h()),
                    window(o.stride_w()),
                    padding_of(o.padding())};
  if (is_unsigned() && kind == PoolKind::average) check_unsigned_average(pool, value(input(0)).shape, value(output_).name);
  add_clamped(pool, {input(0)}, o.fused_activation_function());
}

/// STRIDED_SLICE with steps of 1 that keeps batch and channels whole.
void OperatorReader::read_crop() {
  const auto& o = options(op_.builtin_options_as_StridedSliceOptions());
  const Shape& x = value(input(0)).shape;
  need(x.size() == 4 && o.ellipsis_mask() == 0 && o.new_axis_mask() == 0 && o.shrink_axis_mask() == 0,
       "is no crop of an image's rows and columns");
  const auto begin = integers(1, {4}), end = integers(2, {4}), step = integers(3, {4});
  std::array<int, 4> before{}, after{};
  for (size_t d = 0; d < 4; ++d) {
    const int64_t extent = x[d];
    const auto position = [&](int64_t p) { return std::clamp<int64_t>(p < 0 ? p + extent : p, 0, extent); };
    const int64_t first = (o.begin_mask() >> d) & 1 ? 0 : position(begin[d]);
    const int64_t last = (o.end_mask() >> d) & 1 ? extent : position(end[d]);
    need(step[d] == 1 && first < last, "steps by other than 1 or selects nothing");
    before[d] = static_cast<int>(first);
    after[d] = static_cast<int>(extent - last);
  }
  need(before[0] + after[0] + before[3] + after[3] == 0, "slices batch or channels");
  add_node(Crop2D{before[1], after[1], before[2], after[2]}, {input(0)}, output_);
}

void OperatorReader::read_pad() {
  const auto p = integers(1, {4, 2});
  need(p[0] == 0 && p[1] == 0 && p[6] == 0 && p[7] == 0, "pads batch or channels");
  for (const int64_t edge : p) need(edge >= 0 && edge <= kLargestWindow, "an edge is negative or absurd");
  const auto edge = [&](size_t i) { return static_cast<int>(p[i]); };
  add_node(Pad2D{edge(2), edge(3), edge(4), edge(5)}, {input(0)}, output_);
}

/// ADD and MUL. A constant may come first, have fewer leading ones than the image, be one number, or one per channel.
template <class Pair, class Options>
void OperatorReader::read_pair(const Options* options_table) {
  const auto function = options(options_table).fused_activation_function();
  need(inputs_.size() == 2, "needs two inputs");
  if (value(input(0)).is_constant() && !value(input(1)).is_constant()) std::swap(inputs_[0], inputs_[1]);
  const ValueId a = input(0);
  ValueId b = input(1);
  const Shape x = value(a).shape, y = value(b).shape;
  if (value(b).is_constant() && x != y && element_count(y) != 1) {
    const Shape core = without_leading_ones(y);
    if (value(a).type == ElementType::f32 && x.size() == 4 && core == Shape{x[3]})
      return read_per_channel(std::is_same_v<Pair, Mul>, b, function);
    if (core == without_leading_ones(x)) b = add_reshaped_constant(b, "/constant", x);
  }
  add_clamped(Pair{}, {a, b}, function);
}

/// x·constant or x + constant with one number per channel: a depthwise 1×1 convolution.
void OperatorReader::read_per_channel(bool multiplies, ValueId constant, ActivationFunctionType function) {
  const int channels = value(input(0)).shape[3];
  reading_.take(static_cast<size_t>(channels) * sizeof(float));
  const std::vector<float> identity(static_cast<size_t>(channels), multiplies ? 0.f : 1.f);
  const Shape weights_shape{1, 1, 1, channels}, bias_shape{channels};
  const ValueId given =
      add_reshaped_constant(constant, multiplies ? "/weights" : "/bias", multiplies ? weights_shape : bias_shape);
  const ValueId added = add_constant(graph_, value(output_).name + (multiplies ? "/bias" : "/weights"),
                                     multiplies ? bias_shape : weights_shape, identity);
  add_node(DepthwiseConv2D{.activation = fused_kind(function)},
           {input(0), multiplies ? given : added, multiplies ? added : given}, output_);
}

void OperatorReader::read_concat() {
  const auto& o = options(op_.builtin_options_as_ConcatenationOptions());
  std::vector<ValueId> parts;
  for (size_t i = 0; i < inputs_.size(); ++i) parts.push_back(input(i));
  need(!parts.empty(), "has no input");
  const int rank = static_cast<int>(value(parts[0]).shape.size()), axis = o.axis() < 0 ? o.axis() + rank : o.axis();
  add_clamped(Concat{axis}, parts, o.fused_activation_function());
}

void OperatorReader::read_permute() {
  const auto order = integers(1, {static_cast<int>(value(input(0)).shape.size())});
  Permute op;
  for (const int64_t dimension : order) {
    need(dimension >= 0 && dimension < static_cast<int64_t>(order.size()), "its order is no permutation of the dimensions");
    op.order.push_back(static_cast<int>(dimension));
  }
  add_node(std::move(op), {input(0)}, output_);
}

void OperatorReader::read_softmax() {
  need(options(op_.builtin_options_as_SoftmaxOptions()).beta() == 1, "has a beta other than 1");
  add_node(Softmax{}, {input(0)}, output_);
}

void OperatorReader::read_dequantize() {
  const Value& in = value(input(0));
  if (in.type != ElementType::f16) return add_node(Dequantize{}, {input(0)}, output_);
  need(in.is_constant() && in.shape == value(output_).shape, "computes in float16; only constants may be float16");
  reading_.stands_for[static_cast<size_t>(output_)] = input(0);
}

/// Its input is dense already: what a tensor stores sparsely is unpacked when the tensor is read.
void OperatorReader::read_densify() {
  const Value &in = value(input(0)), &out = value(output_);
  need(in.is_constant(), "only constants may be sparse");
  need(in.type == out.type && in.shape == out.shape && in.quantization == out.quantization, "changes more than the encoding");
  reading_.stands_for[static_cast<size_t>(output_)] = input(0);
}

void OperatorReader::read(BuiltinOperator code) {
  if (const auto kind = activation_kind(code)) return add_node(Activation{*kind}, {input(0)}, output_);
  switch (code) {
    case BuiltinOperator::CONV_2D: return read_conv();
    case BuiltinOperator::DEPTHWISE_CONV_2D: return read_depthwise();
    case BuiltinOperator::FULLY_CONNECTED: return read_dense();
    case BuiltinOperator::MAX_POOL_2D: return read_pool(PoolKind::max);
    case BuiltinOperator::AVERAGE_POOL_2D: return read_pool(PoolKind::average);
    case BuiltinOperator::STRIDED_SLICE: return read_crop();
    case BuiltinOperator::PAD: return read_pad();
    case BuiltinOperator::ADD: return read_pair<Add>(op_.builtin_options_as_AddOptions());
    case BuiltinOperator::MUL: return read_pair<Mul>(op_.builtin_options_as_MulOptions());
    case BuiltinOperator::CONCATENATION: return read_concat();
    case BuiltinOperator::TRANSPOSE: return read_permute();
    case BuiltinOperator::SOFTMAX: return read_softmax();
    case BuiltinOperator::LEAKY_RELU:
      return add_node(LeakyRelu{options(op_.builtin_options_as_LeakyReluOptions()).alpha()}, {input(0)}, output_);
    case BuiltinOperator::RESHAPE: return add_node(Reshape{value(output_).shape}, {input(0)}, output_);
    case BuiltinOperator::QUANTIZE: return add_node(Quantize{}, {input(0)}, output_);
    case BuiltinOperator::DEQUANTIZE: return read_dequantize();
    case BuiltinOperator::DENSIFY: return read_densify();
    default: fail("slimpilot does not know this operator; convert the network without it");
  }
}

}  // namespace

namespace {
void take_of(size_t& left, size_t bytes) {
  if (bytes > left) throw Error("its tensors need many times the file's size; this is no trained network");
  left -= bytes;
}
}  // namespace

void TfliteReading::take(size_t bytes) { take_of(bytes_left, bytes); }
void TfliteReading::take_unpacked(size_t bytes) { take_of(unpacked_left, bytes); }

void append_operator(TfliteReading& reading, const tflite_schema::Operator& op, BuiltinOperator code) {
  OperatorReader(reading, op).read(code);
}

}  // namespace slimpilot
