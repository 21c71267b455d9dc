// SPDX-License-Identifier: Apache-2.0
// From nodes to calls, one function per op. Everything a kernel could trip over is refused here.
#include "engine/steps.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "engine/kernels/fixed_point.h"
#include "engine/kernels/packing.h"
#include "engine/quantized_scale.h"
#include "graph/edit.h"

namespace slimpilot {

const void* ConstantStore::keep_bytes(std::span<const std::byte> data) {
  blocks_.push_back(aligned_bytes(data.size() + 64));  // vectors may read past the end
  std::memcpy(blocks_.back().data(), data.data(), data.size());
  return blocks_.back().data();
}

namespace {

/// One node with what it reads and writes.
struct Site {
  const Graph& graph;
  const Node& node;
  const KernelTable& kernels;
  ConstantStore& constants;

  const Value& input(size_t i) const { return graph.value(node.inputs[i]); }
  const Value& output() const { return graph.value(node.output); }
  int64_t count() const { return element_count(output().shape); }
  [[noreturn]] void fail(const std::string& what) const {
    throw Error("layer '" + node.name + "' (" + std::string(op_name(node.op)) + "): " + what);
  }
  [[noreturn]] void fail_type() const {
    fail("there is no kernel for " + std::string(type_name(input(0).type)) + " inputs and " +
         std::string(type_name(output().type)) + " outputs");
  }
  const Value& constant(size_t i) const {
    if (!input(i).is_constant()) fail("input " + std::to_string(i) + " must be constant");
    return input(i);
  }
  float scale(const Value& v) const { return v.quantization->scale[0]; }
  int32_t zero_point(const Value& v) const { return v.quantization->zero_point[0]; }
  /// A per-output array, padded with zeros so that vectors may read past its end.
  template <class T>
  const T* keep_channels(std::vector<T> data) const {
    data.resize(data.size() + kChannelPadding);
    return constants.keep(data);
  }
};

template <class Geometry, class Op>
void set_window(Geometry& g, const Shape& in, const Shape& out, const Op& op, int window_h, int window_w) {
  g.in_h = in[1], g.in_w = in[2], g.out_h = out[1], g.out_w = out[2];
  g.stride_h = op.stride_h, g.stride_w = op.stride_w;
  g.pad_top = padded_extent(in[1], window_h, op.stride_h, op.padding).before;
  g.pad_left = padded_extent(in[2], window_w, op.stride_w, op.padding).before;
}

/// Scales of a layer's weights, one per output.
std::vector<float> weight_scales(const Site& s, const Value& weights, int outputs) {
  if (!weights.quantization) s.fail("integer weights without a quantization");
  const Quantization& q = *weights.quantization;
  if (std::any_of(q.zero_point.begin(), q.zero_point.end(), [](int32_t zero) { return zero != 0; }))
    s.fail("weights with a zero point other than 0 are not supported");
  if (q.scale.size() == 1) return std::vector<float>(static_cast<size_t>(outputs), q.scale[0]);
  if (q.scale.size() != static_cast<size_t>(outputs)) s.fail("weight scales run along another axis than the outputs");
  return q.scale;
}

template <class T>
std::vector<T> constant_elements(const Site& s, size_t i, ElementType type) {
  const Value& value = s.constant(i);
  if (value.type != type) s.fail("'" + value.name + "' must be " + std::string(type_name(type)) + ", not " + std::string(type_name(value.type)));
  const auto elements = value.elements<T>();
  return {elements.begin(), elements.end()};
}

RealResult real_result(const Site& s, ActivationKind activation, int outputs) {
  const ClampRange range = clamp_range(activation);
  RealResult result{.bias = s.keep_channels(constant_as_floats(s.constant(2))), .weight_scale = nullptr, .low = range.low, .high = range.high};
  if (s.input(1).type == ElementType::s8) result.weight_scale = s.keep_channels(weight_scales(s, s.input(1), outputs));
  return result;
}

/// Sums of the weights of each output; `channel_of(i)` is the output that weight i belongs to.
template <class F>
std::vector<int32_t> weight_sums(const Value& weights, int outputs, F&& channel_of) {
  std::vector<int32_t> sums(static_cast<size_t>(outputs));
  const auto w = weights.elements<int8_t>();
  for (size_t i = 0; i < w.size(); ++i) sums[channel_of(i)] += w[i];
  return sums;
}

/// Multipliers s_in·s_w/s_out per output. A dense layer with one weight scale multiplies s_in·s_w in float, as TensorFlow
/// Lite does; all others in double.
std::vector<FixedPoint> output_scales(const Site& s, int outputs) {
  std::vector<FixedPoint> fixed;
  const bool in_float = std::holds_alternative<Dense>(s.node.op) && s.input(1).quantization->scale.size() == 1;
  const float in = s.scale(s.input(0)), out = s.scale(s.output());
  for (const float w : weight_scales(s, s.input(1), outputs))
    fixed.push_back(fixed_point((in_float ? static_cast<double>(in * w) : static_cast<double>(in) * w) / static_cast<double>(out)));
  return fixed;
}

IntegerResult integer_result(const Site& s, ActivationKind activation, int outputs) {
  std::vector<int32_t> multiplier, shift;
  for (const FixedPoint& fixed : output_scales(s, outputs)) {
    multiplier.push_back(fixed.multiplier);
    shift.push_back(fixed.shift);
  }
  const IntegerRange clamp = quantized_clamp(activation, s.output());
  IntegerResult result{};
  if (s.input(0).type == ElementType::s16) result.bias64 = s.keep_channels(constant_elements<int64_t>(s, 2, ElementType::s64));
  else result.bias = s.keep_channels(constant_elements<int32_t>(s, 2, ElementType::s32));
  result.multiplier = s.keep_channels(std::move(multiplier));
  result.shift = s.keep_channels(std::move(shift));
  result.input_zero_point = s.zero_point(s.input(0));
  result.output_zero_point = s.zero_point(s.output());
  result.low = clamp.low;
  result.high = clamp.high;
  result.rounds_once = std::holds_alternative<Dense>(s.node.op);
  return result;
}

/// Chooses among the five variants of conv2d and dense by the types of activations and weights, and fills the arguments that
/// both share.
template <class Kernels, class Args>
NodeCall packed_call(const Site& s, const Kernels& kernels, std::array<std::string_view, 5> names, Args args,
                     ActivationKind activation, const WeightShape& shape, size_t scratch) {
  const ElementType x = s.input(0).type, w = s.constant(1).type;
  const bool real = x == ElementType::f32, integer_weights = w == ElementType::s8;
  const PackedKernel<Args>* kernel = nullptr;
  std::string_view name;
  const auto choose = [&](bool condition, const PackedKernel<Args>& k, size_t i) {
    if (condition) kernel = &k, name = names[i];
  };
  choose(real && w == ElementType::f32, kernels.f32, 0);
  choose(real && w == ElementType::f16, kernels.f16, 1);
  choose(x == ElementType::s8 && integer_weights, kernels.s8, 2);
  choose(x == ElementType::s16 && integer_weights, kernels.s16, 3);
  choose(real && integer_weights, kernels.hybrid, 4);
  if (kernel == nullptr) s.fail("there is no kernel for " + std::string(type_name(x)) + " inputs and " + std::string(type_name(w)) + " weights");
  if (real) args.real = real_result(s, activation, shape.outputs);
  else args.integer = integer_result(s, activation, shape.outputs);
  if (integer_weights) {
    const size_t per_output = static_cast<size_t>(shape.rows) * static_cast<size_t>(shape.k);
    args.integer.weight_sum = s.keep_channels(weight_sums(s.input(1), shape.outputs, [&](size_t i) { return i / per_output; }));
  }
  const auto packed = pack_weights(s.input(1).data, shape, element_size(w), kernel->layout);
  args.weights = s.constants.keep(packed);
  return {.kernel = name, .call = Call<Args>{kernel->run, args}, .scratch_bytes = scratch};
}

NodeCall call_for(const Conv2D& op, const Site& s) {
  const Shape &x = s.input(0).shape, &w = s.input(1).shape, &y = s.output().shape;
  Conv2dArgs args{};
  set_window(args, x, y, op, w[1], w[2]);
  args.in_c = x[3], args.out_c = y[3], args.kernel_h = w[1], args.kernel_w = w[2];
  args.pad_bottom = padded_extent(x[1], w[1], op.stride_h, op.padding).after;
  args.pad_right = padded_extent(x[2], w[2], op.stride_w, op.padding).after;
  return packed_call(s, s.kernels.conv2d, {"conv2d_f32", "conv2d_f16", "conv2d_s8", "conv2d_s16", "conv2d_hybrid"}, args,
                     op.activation, {w[0], w[1], w[2] * w[3]}, conv2d_scratch_bytes(args));
}

NodeCall call_for(const Dense& op, const Site& s) {
  const Shape& w = s.input(1).shape;
  DenseArgs args{};
  args.rows = s.input(0).shape[0], args.inputs = w[1], args.outputs = w[0];
  const bool streaming = s.input(1).data.size() > kStreamingBytes;
  return packed_call(s, streaming ? s.kernels.dense_streaming : s.kernels.dense, {"dense_f32", "dense_f16", "dense_s8", "dense_s16", "dense_hybrid"},
                     args, op.activation, {w[0], 1, w[1]}, dense_scratch_bytes(args));
}

/// A 1×1 depthwise convolution of int8 is a function of one byte per channel: a table.
NodeCall lookup_call(const Site& s, const DepthwiseArgs& depthwise) {
  const int channels = depthwise.channels;
  std::vector<int8_t> input, output(static_cast<size_t>(channels) * 256), table(output.size());
  for (int x = -128; x < 128; ++x) input.insert(input.end(), static_cast<size_t>(channels), static_cast<int8_t>(x));
  DepthwiseArgs column = depthwise;
  column.in_h = column.out_h = 256, column.in_w = column.out_w = 1;
  s.kernels.elementwise.depthwise_s8(column, {{input.data(), nullptr}, output.data(), nullptr});
  for (int c = 0; c < channels; ++c)
    for (int x = 0; x < 256; ++x) table[static_cast<size_t>(c * 256 + x)] = output[static_cast<size_t>(x * channels + c)];
  return {"lookup_s8", Call<LookupArgs>{s.kernels.elementwise.lookup_s8, {s.count(), channels, s.constants.keep(table)}}};
}

NodeCall call_for(const DepthwiseConv2D& op, const Site& s) {
  const Shape &x = s.input(0).shape, &w = s.constant(1).shape;
  DepthwiseArgs args{};
  set_window(args, x, s.output().shape, op, w[1], w[2]);
  args.channels = w[3], args.kernel_h = w[1], args.kernel_w = w[2];
  const bool pointwise = w[1] == 1 && w[2] == 1 && op.stride_h == 1 && op.stride_w == 1;
  const ElementwiseKernels& kernels = s.kernels.elementwise;
  const ElementType type = s.input(0).type;
  if (type == ElementType::f32) {
    const std::vector<float> weights = constant_as_floats(s.input(1));
    const float* kept = s.constants.keep(weights);
    args.real = {s.keep_channels(constant_as_floats(s.constant(2))), nullptr, clamp_range(op.activation).low, clamp_range(op.activation).high};
    if (pointwise && op.activation == ActivationKind::none)
      return {"scale_f32", Call<ScaleArgs>{kernels.scale_f32, {s.count(), args.channels, kept, args.real.bias}}};
    args.weights = kept;
    return {"depthwise_f32", Call<DepthwiseArgs>{kernels.depthwise_f32, args}};
  }
  args.weights = s.constants.keep(constant_elements<int8_t>(s, 1, ElementType::s8));
  args.integer = integer_result(s, op.activation, args.channels);
  if (type == ElementType::s16) return {"depthwise_s16", Call<DepthwiseArgs>{kernels.depthwise_s16, args}};
  if (type != ElementType::s8) s.fail_type();
  if (pointwise) return lookup_call(s, args);
  return {"depthwise_s8", Call<DepthwiseArgs>{kernels.depthwise_s8, args}};
}

float (*real_function(ActivationKind kind))(float) {
  switch (kind) {
    case ActivationKind::none: return [](float x) { return x; };
    case ActivationKind::relu: return reference::relu;
    case ActivationKind::relu6: return reference::relu6;
    case ActivationKind::relu_n1_to_1: return reference::relu_n1_to_1;
    case ActivationKind::relu_0_to_1: return reference::relu_0_to_1;
    case ActivationKind::elu: return reference::elu;
    case ActivationKind::tanh: return reference::tanh;
    case ActivationKind::sigmoid: return reference::sigmoid;
    case ActivationKind::hard_sigmoid: return reference::hard_sigmoid;
  }
  check(false);
}

NodeCall call_for(const ConvLstm2D& op, const Site& s) {
  const Shape &x = s.input(0).shape, &w = s.input(1).shape, &r = s.input(2).shape;
  if (s.input(0).type != ElementType::f32) s.fail_type();
  ConvLstm2dArgs a{};
  const Shape y = op.return_sequences ? s.output().shape : Shape{1, 1, s.output().shape[1], s.output().shape[2], w[0] / 4};
  set_window(a, {1, x[2], x[3]}, {1, y[2], y[3]}, op, w[1], w[2]);
  a.steps = x[1], a.in_c = x[4], a.filters = w[0] / 4, a.kernel_h = w[1], a.kernel_w = w[2];
  a.recurrent_h = r[1], a.recurrent_w = r[2], a.return_sequences = op.return_sequences;
  a.kernel = s.constants.keep(constant_as_floats(s.constant(1)));
  a.recurrent = s.constants.keep(constant_as_floats(s.constant(2)));
  a.bias = s.constants.keep(constant_as_floats(s.constant(3)));
  a.activation = real_function(op.activation);
  a.recurrent_activation = real_function(op.recurrent_activation);
  return {"conv_lstm2d_f32", Call<ConvLstm2dArgs>{reference::conv_lstm2d_f32, a}, conv_lstm2d_scratch_bytes(a)};
}

NodeCall call_for(const Pool2D& op, const Site& s) {
  PoolArgs args{};
  set_window(args, s.input(0).shape, s.output().shape, op, op.window_h, op.window_w);
  args.channels = s.output().shape[3], args.window_h = op.window_h, args.window_w = op.window_w;
  if (s.input(0).quantization != s.output().quantization) s.fail("pooling cannot change the quantization");
  const PoolKernels& k = s.kernels.pool;
  const bool max = op.kind == PoolKind::max;
  switch (s.input(0).type) {
    case ElementType::f32: return {max ? "max_f32" : "average_f32", Call<PoolArgs>{max ? k.max_f32 : k.average_f32, args}};
    case ElementType::s8: return {max ? "max_s8" : "average_s8", Call<PoolArgs>{max ? k.max_s8 : k.average_s8, args}};
    case ElementType::s16: return {max ? "max_s16" : "average_s16", Call<PoolArgs>{max ? k.max_s16 : k.average_s16, args}};
    default: s.fail_type();
  }
}

NodeCall call_for(const BatchNorm& op, const Site& s) {
  if (s.input(0).type != ElementType::f32) s.fail_type();
  const auto gamma = constant_as_floats(s.constant(1)), beta = constant_as_floats(s.constant(2));
  const auto mean = constant_as_floats(s.constant(3)), variance = constant_as_floats(s.constant(4));
  std::vector<float> scale, offset;
  for (size_t c = 0; c < gamma.size(); ++c) {
    const double factor = gamma[c] / std::sqrt(static_cast<double>(variance[c]) + op.epsilon);
    scale.push_back(static_cast<float>(factor));
    offset.push_back(static_cast<float>(beta[c] - factor * mean[c]));
  }
  const ScaleArgs args{s.count(), static_cast<int>(scale.size()), s.constants.keep(scale), s.constants.keep(offset)};
  return {"scale_f32", Call<ScaleArgs>{s.kernels.elementwise.scale_f32, args}};
}

/// int8 → int8 for all 256 inputs: clamps by integer rescaling, curves through real numbers; as TensorFlow Lite does it.
std::vector<int8_t> activation_table(const Site& s, ActivationKind kind) {
  const Value &in = s.input(0), &out = s.output();
  const float inverse = 1.0f / s.scale(out);
  const FixedPoint fixed = fixed_point(static_cast<double>(s.scale(in) / s.scale(out)));
  const IntegerRange clamp = is_clamp(kind) ? quantized_clamp(kind, out) : integer_range(ElementType::s8);
  std::vector<int8_t> table;
  for (int32_t x = -128; x < 128; ++x) {
    const int32_t steps = x - s.zero_point(in);
    int32_t y;
    if (is_clamp(kind)) y = s.zero_point(out) + rescale(steps, fixed.multiplier, fixed.shift);
    else y = s.zero_point(out) + static_cast<int32_t>(std::round(real_function(kind)(s.scale(in) * static_cast<float>(steps)) * inverse));
    table.push_back(static_cast<int8_t>(limit(y, clamp.low, clamp.high)));
  }
  return table;
}

/// Input units of the int16 curves: scale·4096·3 as multiplier / 2^shift; scales of 2⁻¹² and 2⁻¹¹ are exact shifts.
Curve16Args curve_args(const Site& s) {
  const float scale = s.scale(s.input(0));
  if (scale == 0x1.0p-12f || scale == 0x1.0p-11f) return {s.count(), scale == 0x1.0p-12f ? 3 : 6, 0};
  double multiplier = static_cast<double>(scale) * 4096 * 3;
  int shift = 0;
  for (; multiplier <= 32767.0 / 2 && shift <= 30; ++shift) multiplier *= 2;
  return {s.count(), static_cast<int32_t>(multiplier), shift};
}

NodeCall call_for(const Activation& op, const Site& s) {
  const ElementwiseKernels& k = s.kernels.elementwise;
  const ElementType type = s.input(0).type;
  if (type == ElementType::s8)
    return {"lookup_s8", Call<LookupArgs>{k.lookup_s8, {s.count(), 1, s.constants.keep(activation_table(s, op.kind))}}};
  if (type == ElementType::s16 && is_clamp(op.kind)) {
    const FixedPoint fixed = fixed_point(static_cast<double>(s.scale(s.input(0)) / s.scale(s.output())));
    const IntegerRange clamp = quantized_clamp(op.kind, s.output());
    return {"clamp_s16", Call<Clamp16Args>{k.clamp_s16, {s.count(), fixed.multiplier, fixed.shift, clamp.low, clamp.high}}};
  }
  if (type == ElementType::s16 && op.kind == ActivationKind::tanh) return {"tanh_s16", Call<Curve16Args>{k.tanh_s16, curve_args(s)}};
  if (type == ElementType::s16 && op.kind == ActivationKind::sigmoid)
    return {"sigmoid_s16", Call<Curve16Args>{k.sigmoid_s16, curve_args(s)}};
  if (type != ElementType::f32) s.fail_type();
  const UnaryArgs args{s.count()};
  switch (op.kind) {
    case ActivationKind::relu: return {"relu", Call<UnaryArgs>{k.relu, args}};
    case ActivationKind::relu6: return {"relu6", Call<UnaryArgs>{k.relu6, args}};
    case ActivationKind::relu_n1_to_1: return {"relu_n1_to_1", Call<UnaryArgs>{k.relu_n1_to_1, args}};
    case ActivationKind::relu_0_to_1: return {"relu_0_to_1", Call<UnaryArgs>{k.relu_0_to_1, args}};
    case ActivationKind::elu: return {"elu", Call<UnaryArgs>{k.elu, args}};
    case ActivationKind::tanh: return {"tanh", Call<UnaryArgs>{k.tanh, args}};
    case ActivationKind::sigmoid: return {"sigmoid", Call<UnaryArgs>{k.sigmoid, args}};
    case ActivationKind::hard_sigmoid: return {"hard_sigmoid", Call<UnaryArgs>{k.hard_sigmoid, args}};
    case ActivationKind::none: s.fail("does nothing");
  }
  check(false);
}

/// Crop2D and Pad2D. `top` and `left`: where the input's corner lands in the output.
NodeCall edges_call(const Site& s, int top, int left) {
  const Shape &x = s.input(0).shape, &y = s.output().shape;
  if (s.input(0).quantization != s.output().quantization) s.fail("cannot change the quantization");
  const int element = static_cast<int>(element_size(s.input(0).type));
  const int32_t fill = s.input(0).quantization ? s.zero_point(s.input(0)) : 0;
  const EdgesArgs args{x[1], x[2], y[1], y[2], top, left, element * x[3], element, fill};
  return {"edges", Call<EdgesArgs>{s.kernels.elementwise.edges, args}};
}
NodeCall call_for(const Crop2D& op, const Site& s) { return edges_call(s, -op.top, -op.left); }
NodeCall call_for(const Pad2D& op, const Site& s) { return edges_call(s, op.top, op.left); }

BinaryArgs binary_args(const Site& s) {
  BinaryArgs args{};
  args.count = s.count();
  args.b_is_scalar = element_count(s.input(1).shape) == 1;
  if (s.input(0).type != s.input(1).type) s.fail("cannot combine different types");
  if (s.input(0).type == ElementType::f32) return args;
  if (!s.input(1).quantization) s.fail("input 1 is integer without a quantization");
  args.a_zero_point = s.zero_point(s.input(0));
  args.b_zero_point = s.zero_point(s.input(1));
  args.output_zero_point = s.zero_point(s.output());
  const IntegerRange range = integer_range(s.output().type);
  args.low = range.low, args.high = range.high;
  return args;
}

NodeCall call_for(const Add&, const Site& s) {
  BinaryArgs args = binary_args(s);
  const ElementwiseKernels& k = s.kernels.elementwise;
  const ElementType type = s.input(0).type;
  if (type == ElementType::f32) return {"add_f32", Call<BinaryArgs>{k.add_f32, args}, 0, 2};
  if (type != ElementType::s8 && type != ElementType::s16) s.fail_type();
  args.left_shift = type == ElementType::s8 ? 20 : 15;
  const double twice_max = 2 * std::max(s.scale(s.input(0)), s.scale(s.input(1)));
  const auto set = [](double real, int32_t& multiplier, int32_t& shift) {
    const FixedPoint fixed = fixed_point(real);
    multiplier = fixed.multiplier, shift = fixed.shift;
  };
  set(static_cast<double>(s.scale(s.input(0))) / twice_max, args.a_multiplier, args.a_shift);
  set(static_cast<double>(s.scale(s.input(1))) / twice_max, args.b_multiplier, args.b_shift);
  const float unit = static_cast<float>(1 << args.left_shift) * s.scale(s.output());
  set(twice_max / static_cast<double>(unit), args.output_multiplier, args.output_shift);
  if (type == ElementType::s8) return {"add_s8", Call<BinaryArgs>{k.add_s8, args}, 0, 2};
  return {"add_s16", Call<BinaryArgs>{k.add_s16, args}, 0, 2};
}

NodeCall call_for(const Mul&, const Site& s) {
  BinaryArgs args = binary_args(s);
  const ElementwiseKernels& k = s.kernels.elementwise;
  const ElementType type = s.input(0).type;
  if (type == ElementType::f32) return {"multiply_f32", Call<BinaryArgs>{k.multiply_f32, args}, 0, 2};
  const float product = s.scale(s.input(0)) * s.scale(s.input(1));
  const FixedPoint fixed = fixed_point(static_cast<double>(product / s.scale(s.output())));
  args.output_multiplier = fixed.multiplier, args.output_shift = fixed.shift;
  if (type == ElementType::s8) return {"multiply_s8", Call<BinaryArgs>{k.multiply_s8, args}, 0, 2};
  if (type == ElementType::s16) return {"multiply_s16", Call<BinaryArgs>{k.multiply_s16, args}, 0, 2};
  s.fail_type();
}

NodeCall call_for(const Quantize&, const Site& s) {
  const QuantizeKernels& k = s.kernels.quantize;
  const ElementType x = s.input(0).type, y = s.output().type;
  if (x == ElementType::f32) {
    const QuantizeArgs args{s.count(), s.scale(s.output()), s.zero_point(s.output())};
    if (y == ElementType::s8) return {"quantize_f32_s8", Call<QuantizeArgs>{k.f32_to_s8, args}};
    if (y == ElementType::s16) return {"quantize_f32_s16", Call<QuantizeArgs>{k.f32_to_s16, args}};
  } else if (x == y && (x == ElementType::s8 || x == ElementType::s16)) {
    const FixedPoint fixed = fixed_point(static_cast<double>(s.scale(s.input(0))) / static_cast<double>(s.scale(s.output())));
    const RequantizeArgs args{s.count(), s.zero_point(s.input(0)), s.zero_point(s.output()), fixed.multiplier, fixed.shift};
    return {"requantize", Call<RequantizeArgs>{x == ElementType::s8 ? k.s8_to_s8 : k.s16_to_s16, args}};
  }
  s.fail_type();
}

NodeCall call_for(const Dequantize&, const Site& s) {
  const QuantizeKernels& k = s.kernels.quantize;
  const QuantizeArgs args{s.count(), s.scale(s.input(0)), s.zero_point(s.input(0))};
  if (s.input(0).type == ElementType::s8) return {"dequantize_s8", Call<QuantizeArgs>{k.s8_to_f32, args}};
  if (s.input(0).type == ElementType::s16) return {"dequantize_s16", Call<QuantizeArgs>{k.s16_to_f32, args}};
  s.fail_type();
}

NodeCall call_for(const Reshape&, const Site&) { check(false); }  // a plan lets both names mean the same buffer

}  // namespace

NodeCall make_call(const Graph& graph, const Node& node, const KernelTable& kernels, ConstantStore& constants) {
  const Site site{graph, node, kernels, constants};
  return std::visit([&](const auto& op) { return call_for(op, site); }, node.op);
}

}  // namespace slimpilot
