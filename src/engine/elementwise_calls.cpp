// SPDX-License-Identifier: Apache-2.0
// Calls for ops without weights: activations, sums and products, quantization, pooling, edges.
#include <algorithm>
#include <cmath>

#include "engine/kernels/fixed_point.h"
#include "engine/node_calls.h"
#include "engine/quantized_scale.h"
#include "engine/shares.h"
#include "graph/edit.h"

namespace slimpilot {
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

NodeCall call_for(const Pool2D& op, const Site& s) {
  PoolArgs args{};
  set_window(args, s.input(0).shape, s.output().shape, op, op.window_h, op.window_w);
  args.channels = s.output().shape[3], args.window_h = op.window_h, args.window_w = op.window_w;
  if (s.input(0).quantization != s.output().quantization) s.fail("pooling cannot change the quantization");
  const PoolKernels& k = s.kernels.pool;
  const bool max = op.kind == PoolKind::max;
  switch (s.input(0).type) {
    case ElementType::f32:
      return each_image<PoolArgs>(s, max ? "max_f32" : "average_f32", max ? k.max_f32 : k.average_f32, args);
    case ElementType::s8: return each_image<PoolArgs>(s, max ? "max_s8" : "average_s8", max ? k.max_s8 : k.average_s8, args);
    case ElementType::s16:
      return each_image<PoolArgs>(s, max ? "max_s16" : "average_s16", max ? k.max_s16 : k.average_s16, args);
    default: s.fail_type();
  }
}

namespace {

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
    if (is_clamp(kind))
      y = s.zero_point(out) + rescale(steps, fixed.multiplier, fixed.shift);
    else
      y = s.zero_point(out) +
          static_cast<int32_t>(std::round(real_function(kind)(s.scale(in) * static_cast<float>(steps)) * inverse));
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

/// Multipliers of leaky ReLU as TensorFlow Lite takes them: all in float32.
Slope16Args slope_args(const Site& s, float alpha) {
  const float in = s.scale(s.input(0)), out = s.scale(s.output());
  const FixedPoint above = fixed_point(static_cast<double>(in / out)),
                   below = fixed_point(static_cast<double>(in * alpha / out));
  return {s.count(), above.multiplier, above.shift, below.multiplier, below.shift};
}

std::vector<int8_t> leaky_relu_table(const Site& s, float alpha) {
  const Slope16Args slopes = slope_args(s, alpha);
  std::vector<int8_t> table;
  for (int32_t x = -128; x < 128; ++x) {
    const int32_t steps = x - s.zero_point(s.input(0));
    const int32_t scaled = steps < 0 ? rescale(steps, slopes.alpha_multiplier, slopes.alpha_shift)
                                     : rescale(steps, slopes.multiplier, slopes.shift);
    table.push_back(static_cast<int8_t>(limit(scaled + s.zero_point(s.output()), -128, 127)));
  }
  return table;
}

}  // namespace

NodeCall call_for(const LeakyRelu& op, const Site& s) {
  const ElementwiseKernels& k = s.kernels.elementwise;
  switch (s.input(0).type) {
    case ElementType::f32: return whole<SlopeArgs>("leaky_relu", k.leaky_relu, {s.count(), op.alpha});
    case ElementType::s8:
      return whole<LookupArgs>("lookup_s8", k.lookup_s8, {s.count(), 1, s.constants.keep(leaky_relu_table(s, op.alpha))});
    case ElementType::s16: return whole<Slope16Args>("leaky_relu_s16", k.leaky_relu_s16, slope_args(s, op.alpha));
    default: s.fail_type();
  }
}

NodeCall call_for(const Softmax&, const Site& s) {
  if (s.input(0).type != ElementType::f32) s.fail_type();
  const int columns = s.output().shape.back();
  return whole<SoftmaxArgs>("softmax", s.kernels.elementwise.softmax, {s.count() / columns, columns});
}

NodeCall call_for(const Activation& op, const Site& s) {
  const ElementwiseKernels& k = s.kernels.elementwise;
  const ElementType type = s.input(0).type;
  if (type == ElementType::s8)
    return whole<LookupArgs>("lookup_s8", k.lookup_s8, {s.count(), 1, s.constants.keep(activation_table(s, op.kind))});
  if (type == ElementType::s16 && is_clamp(op.kind)) {
    const FixedPoint fixed = fixed_point(static_cast<double>(s.scale(s.input(0)) / s.scale(s.output())));
    const IntegerRange clamp = quantized_clamp(op.kind, s.output());
    return whole<Clamp16Args>("clamp_s16", k.clamp_s16, {s.count(), fixed.multiplier, fixed.shift, clamp.low, clamp.high});
  }
  if (type == ElementType::s16 && op.kind == ActivationKind::tanh)
    return whole<Curve16Args>("tanh_s16", k.tanh_s16, curve_args(s));
  if (type == ElementType::s16 && op.kind == ActivationKind::sigmoid)
    return whole<Curve16Args>("sigmoid_s16", k.sigmoid_s16, curve_args(s));
  if (type != ElementType::f32) s.fail_type();
  const UnaryArgs args{s.count()};
  switch (op.kind) {
    case ActivationKind::relu: return whole<UnaryArgs>("relu", k.relu, args);
    case ActivationKind::relu6: return whole<UnaryArgs>("relu6", k.relu6, args);
    case ActivationKind::relu_n1_to_1: return whole<UnaryArgs>("relu_n1_to_1", k.relu_n1_to_1, args);
    case ActivationKind::relu_0_to_1: return whole<UnaryArgs>("relu_0_to_1", k.relu_0_to_1, args);
    case ActivationKind::elu: return whole<UnaryArgs>("elu", k.elu, args);
    case ActivationKind::tanh: return whole<UnaryArgs>("tanh", k.tanh, args);
    case ActivationKind::sigmoid: return whole<UnaryArgs>("sigmoid", k.sigmoid, args);
    case ActivationKind::hard_sigmoid: return whole<UnaryArgs>("hard_sigmoid", k.hard_sigmoid, args);
    case ActivationKind::none: s.fail("does nothing");
  }
  check(false);
}

namespace {

/// Crop2D and Pad2D. `top` and `left`: where the input's corner lands in the output.
NodeCall edges_call(const Site& s, int top, int left) {
  const Shape &x = s.input(0).shape, &y = s.output().shape;
  if (s.input(0).quantization != s.output().quantization) s.fail("cannot change the quantization");
  const int element = static_cast<int>(element_size(s.input(0).type));
  const int32_t fill = s.input(0).quantization ? s.zero_point(s.input(0)) : 0;
  const EdgesArgs args{x[1], x[2], y[1], y[2], top, left, element * x[3], element, fill};
  return each_image<EdgesArgs>(s, "edges", s.kernels.elementwise.edges, args);
}

}  // namespace

NodeCall call_for(const Crop2D& op, const Site& s) { return edges_call(s, -op.top, -op.left); }
NodeCall call_for(const Pad2D& op, const Site& s) { return edges_call(s, op.top, op.left); }

namespace {

/// What repeats its second operand other than as one number is for the reference alone.
const ElementwiseKernels& binary_kernels(const Site& s, const BinaryArgs& args) {
  return args.b_count == args.count || args.b_count == 1 ? s.kernels.elementwise : reference::elementwise;
}

BinaryArgs binary_args(const Site& s) {
  BinaryArgs args{};
  args.count = s.count();
  const Repetition b = *repetition(s.output().shape, s.input(1).shape);
  args.b_count = b.count, args.b_inner = b.inner;
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

}  // namespace

NodeCall call_for(const Add&, const Site& s) {
  BinaryArgs args = binary_args(s);
  const ElementwiseKernels& k = binary_kernels(s, args);
  const ElementType type = s.input(0).type;
  if (type == ElementType::f32) return whole<BinaryArgs>("add_f32", k.add_f32, args, 2);
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
  if (type == ElementType::s8) return whole<BinaryArgs>("add_s8", k.add_s8, args, 2);
  return whole<BinaryArgs>("add_s16", k.add_s16, args, 2);
}

namespace {

BinaryArgs multiply_args(const Site& s) {
  BinaryArgs args = binary_args(s);
  if (s.input(0).type == ElementType::f32) return args;
  const float product = s.scale(s.input(0)) * s.scale(s.input(1));
  const FixedPoint fixed = fixed_point(static_cast<double>(product / s.scale(s.output())));
  args.output_multiplier = fixed.multiplier, args.output_shift = fixed.shift;
  return args;
}

}  // namespace

NodeCall call_for(const Mul&, const Site& s) {
  const BinaryArgs args = multiply_args(s);
  const ElementwiseKernels& k = binary_kernels(s, args);
  const ElementType type = s.input(0).type;
  if (type == ElementType::f32) return whole<BinaryArgs>("multiply_f32", k.multiply_f32, args, 2);
  if (type == ElementType::s8) return whole<BinaryArgs>("multiply_s8", k.multiply_s8, args, 2);
  if (type == ElementType::s16) return whole<BinaryArgs>("multiply_s16", k.multiply_s16, args, 2);
  s.fail_type();
}

NodeCall call_for(const CellNodes& cell, const Site& s, const CellPlaces& places) {
  const auto table = [&](const Node& node) {
    return s.constants.keep(activation_table(s.of(node), std::get<Activation>(node.op).kind));
  };
  return whole<LstmCellArgs>("lstm_cell_s8", s.kernels.elementwise.lstm_cell_s8,
                             {table(*cell.candidate), table(*cell.curve), places.input_gate, places.candidate, places.between,
                              multiply_args(s.of(*cell.product)), multiply_args(s)});
}

NodeCall call_for(const Quantize&, const Site& s) {
  const QuantizeKernels& k = s.kernels.quantize;
  const ElementType x = s.input(0).type, y = s.output().type;
  if (x == ElementType::f32) {
    const QuantizeArgs args{s.count(), s.scale(s.output()), s.zero_point(s.output())};
    if (y == ElementType::s8) return whole<QuantizeArgs>("quantize_f32_s8", k.f32_to_s8, args);
    if (y == ElementType::s16) return whole<QuantizeArgs>("quantize_f32_s16", k.f32_to_s16, args);
  } else if (x == y && (x == ElementType::s8 || x == ElementType::s16)) {
    const FixedPoint fixed = fixed_point(static_cast<double>(s.scale(s.input(0))) / static_cast<double>(s.scale(s.output())));
    const RequantizeArgs args{s.count(), s.zero_point(s.input(0)), s.zero_point(s.output()), fixed.multiplier, fixed.shift};
    return whole<RequantizeArgs>("requantize", x == ElementType::s8 ? k.s8_to_s8 : k.s16_to_s16, args);
  }
  s.fail_type();
}

NodeCall call_for(const Dequantize&, const Site& s) {
  const QuantizeKernels& k = s.kernels.quantize;
  const QuantizeArgs args{s.count(), s.scale(s.input(0)), s.zero_point(s.input(0))};
  if (s.input(0).type == ElementType::s8) return whole<QuantizeArgs>("dequantize_s8", k.s8_to_f32, args);
  if (s.input(0).type == ElementType::s16) return whole<QuantizeArgs>("dequantize_s16", k.s16_to_f32, args);
  s.fail_type();
}

}  // namespace slimpilot
