// SPDX-License-Identifier: Apache-2.0
// ONNX operators that compute element by element: activations and arithmetic with constants or between two tensors.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "formats/onnx_reading.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

void append_unary(OnnxNodeReader& n, Op op) {
  const OnnxOperand x = n.computed(0);
  n.set_output(n.append(std::move(op), {x.id}), x.layout);
}

void read_relu(OnnxNodeReader& n) { append_unary(n, Activation{ActivationKind::relu}); }
void read_tanh(OnnxNodeReader& n) { append_unary(n, Activation{ActivationKind::tanh}); }
void read_sigmoid(OnnxNodeReader& n) { append_unary(n, Activation{ActivationKind::sigmoid}); }
void read_leaky_relu(OnnxNodeReader& n) { append_unary(n, LeakyRelu{n.real("alpha", 0.01f)}); }
void read_elu(OnnxNodeReader& n) {
  n.need(n.real("alpha", 1) == 1, "has an alpha of " + std::to_string(n.real("alpha", 1)) + "; slimpilot computes ELU with 1");
  append_unary(n, Activation{ActivationKind::elu});
}

ValueId scalar(OnnxNodeReader& n, float number, const std::string& suffix) { return n.add_filled(suffix, {}, number); }

/// clip(alpha·x + beta, 0, 1) with Keras' clip(.2·x + .5, 0, 1).
void read_hard_sigmoid(OnnxNodeReader& n) {
  const OnnxOperand x = n.computed(0);
  const float alpha = n.real("alpha", .2f), beta = n.real("beta", .5f);
  ValueId id = x.id;
  if (alpha != .2f) id = n.append(Mul{}, {id, scalar(n, alpha / .2f, "/alpha")}, "/scaled");
  if (beta != .5f) id = n.append(Add{}, {id, scalar(n, (beta - .5f) / .2f, "/beta")}, "/shifted");
  n.set_output(n.append(Activation{ActivationKind::hard_sigmoid}, {id}), x.layout);
}

float limit(OnnxNodeReader& n, const char* name, size_t i, float otherwise) {
  if (!n.has_input(i)) return n.real(name, otherwise);
  const std::vector<float> number = reals_of(n.constant(i));
  n.need(number.size() == 1, "its limit is no single number");
  return number[0];
}

ValueId multiplied(OnnxNodeReader& n, ValueId id, float factor, const std::string& suffix) {
  return factor == 1 ? id : n.append(Mul{}, {id, scalar(n, factor, suffix + "_factor")}, suffix);
}

/// x limited to 0 … limit, which is infinite, 2^k or 6·2^k: multiplying by powers of two rounds nothing.
ValueId limited_above_zero(OnnxNodeReader& n, ValueId id, float limit, const std::string& suffix) {
  if (limit == kInfinity) return n.append(Activation{ActivationKind::relu}, {id}, suffix);
  int exponent;
  const bool is_six = std::frexp(limit, &exponent) == .75f;
  const float unit = is_six ? limit / 6 : limit;
  const ActivationKind kind = is_six ? ActivationKind::relu6 : ActivationKind::relu_0_to_1;
  id = n.append(Activation{kind}, {multiplied(n, id, 1 / unit, suffix + "_scaled")}, suffix + "_limited");
  return multiplied(n, id, unit, suffix);
}

/// Limits around or at zero are x limited from zero upwards, and less what −x is limited to; one of the two is always zero.
void append_clip(OnnxNodeReader& n, float low, float high) {
  const OnnxOperand x = n.computed(0);
  const auto is_exact = [](float limit) {
    int exponent;
    const float fraction = std::frexp(limit, &exponent);
    return limit == 0 || limit == kInfinity || ((fraction == .5f || fraction == .75f) && std::abs(exponent) < 100);
  };
  n.need(low < high && low <= 0 && high >= 0 && is_exact(-low) && is_exact(high),
         "limits to " + std::to_string(low) + " … " + std::to_string(high) +
             "; slimpilot computes what has 0 between its limits or as one, and limits of 2^k, 6·2^k or none");
  if (low == 0) return n.set_output(limited_above_zero(n, x.id, high, "/above"), x.layout);
  const ValueId below = limited_above_zero(n, multiplied(n, x.id, -1, "/negative"), -low, "/below");
  const ValueId minus = multiplied(n, below, -1, "/minus");
  if (high == 0) return n.set_output(minus, x.layout);
  n.set_output(n.append(Add{}, {limited_above_zero(n, x.id, high, "/above"), minus}), x.layout);
}

void read_clip(OnnxNodeReader& n) {
  const auto or_infinite = [](float number) {
    return std::abs(number) >= std::numeric_limits<float>::max() ? std::copysign(kInfinity, number) : number;
  };
  const float low = or_infinite(limit(n, "min", 1, -kInfinity)), high = or_infinite(limit(n, "max", 2, kInfinity));
  if (low == -kInfinity && high == kInfinity) return n.pass_on();
  for (const ActivationKind kind :
       {ActivationKind::relu, ActivationKind::relu6, ActivationKind::relu_n1_to_1, ActivationKind::relu_0_to_1})
    if (const ClampRange range = clamp_range(kind); low == or_infinite(range.low) && high == or_infinite(range.high))
      return append_unary(n, Activation{kind});
  append_clip(n, low, high);
}

/// Along a dimension of the tensor, which is put last. Before opset 13: along this one and all behind it.
void read_softmax(OnnxNodeReader& n) {
  const size_t rank = n.shape(0).size(), axis = axis_of(n.integer("axis", n.opset() < 13 ? 1 : -1), rank);
  for (size_t d = axis + 1; d < rank && n.opset() < 13; ++d) n.need(n.shape(0)[d] == 1, "runs along several dimensions");
  std::vector<int> order;
  for (size_t d = 0; d < rank; ++d)
    if (d != axis) order.push_back(static_cast<int>(d));
  order.push_back(static_cast<int>(axis));
  const ValueId id = n.append(Softmax{}, {n.arranged(0, order)});
  n.set_output(id, transposed(plain_layout(n.graph().value(id).shape), inverse(order)));
}

enum class Arithmetic : uint8_t { add, sub, mul, div };

/// A constant that Sub and Div want turned: −c or 1/c.
Value turned_constant(OnnxNodeReader& n, const Value& constant, Arithmetic kind) {
  if (kind == Arithmetic::add || kind == Arithmetic::mul) return constant;
  n.reading().take(constant.shape, sizeof(float));
  std::vector<float> numbers = reals_of(constant);
  for (float& number : numbers) {
    n.need(kind == Arithmetic::sub || number != 0, "divides by zero");
    number = kind == Arithmetic::sub ? -number : 1 / number;
  }
  return real_constant(constant.name, constant.shape, numbers);
}

/// Whether the layer that computed the value still waits for its bias, which `constant` can be.
bool give_bias(OnnxNodeReader& n, const OnnxOperand& x, size_t i, const Value& constant) {
  const int producer = producer_of(n.graph(), x.id);
  if (producer < 0 || !n.reads_alone(i)) return false;
  Node& layer = n.graph().nodes[static_cast<size_t>(producer)];
  if (layer.inputs.size() != 3 || !n.reading().filled_biases.contains(layer.inputs[2])) return false;
  const Shape channels = n.graph().value(layer.inputs[2]).shape;
  const auto repeated = broadcast_shape(constant.shape, x.shape());
  const bool is_image = x.shape().size() >= 3 && !x.layout.is_plain();
  const size_t axis = is_image ? 1 : x.shape().size() - 1,
               missing = x.shape().size() - std::min(constant.shape.size(), x.shape().size());
  if (repeated != x.shape() || without_ones(constant.shape) != without_ones(channels) || axis < missing ||
      constant.shape[axis - missing] != channels[0])
    return false;
  Value bias = constant;
  bias.shape = channels;
  if (bias.quantization && bias.quantization->axis >= 0) bias.quantization->axis = 0;
  n.reading().take(bias.data.size());
  const ValueId id = n.add(std::move(bias));
  layer.inputs[2] = id;
  n.graph().value(x.id).name = n.node().outputs[0];
  n.set_output(x.id, x.layout);
  return true;
}

/// One number per channel of an image: a depthwise 1×1 convolution, as other passes know it.
bool append_per_channel(OnnxNodeReader& n, const OnnxOperand& x, const Value& constant, bool multiplies) {
  const Shape& value = n.graph().value(x.id).shape;
  if (value.size() != 4 || n.graph().value(x.id).type != ElementType::f32 || !x.layout.is_aligned()) return false;
  const bool channels_are_last = x.layout.is_plain();
  if (x.shape().size() != 4 ||
      permuted_shape(x.shape(), channels_are_last ? std::vector<int>{0, 1, 2, 3} : channels_last(4)) != value)
    return false;
  const int channels = value[3];
  const size_t axis = channels_are_last ? 3 : 1, missing = 4 - constant.shape.size();
  if (without_ones(constant.shape) != without_ones({channels}) || axis < missing || constant.shape[axis - missing] != channels)
    return false;
  Value given = constant;
  n.reading().take(given.data.size());
  given.shape = multiplies ? Shape{1, 1, 1, channels} : Shape{channels};
  const ValueId id = n.add(std::move(given));
  const ValueId other = multiplies ? n.add_filled("/bias", {channels}, 0) : n.add_filled("/weights", {1, 1, 1, channels}, 1);
  n.set_output(n.append(DepthwiseConv2D{}, {x.id, multiplies ? id : other, multiplies ? other : id}), x.layout);
  return true;
}

/// Input i (Add{} or Mul{}) a constant.
void append_with_constant(OnnxNodeReader& n, size_t i, Arithmetic kind) {
  const OnnxOperand x = n.input(i);
  const bool multiplies = kind == Arithmetic::mul || kind == Arithmetic::div;
  Value constant = turned_constant(n, n.constant(1 - i), kind);
  n.need(broadcast_shape(constant.shape, x.shape()) == x.shape(),
         "a constant of " + shape_text(constant.shape) + " does not fit " + shape_text(x.shape()));
  if (kind == Arithmetic::add && give_bias(n, x, i, constant)) return;
  const Op op = multiplies ? Op(Mul{}) : Op(Add{});
  if (element_count(constant.shape) == 1) {
    constant.shape = {};
    if (constant.quantization) constant.quantization->axis = -1;
    const ValueId id = n.add(std::move(constant));
    return n.set_output(n.append(op, {x.id, id}), x.layout);
  }
  if (append_per_channel(n, x, constant, multiplies)) return;
  n.need(!constant.quantization || constant.quantization->axis < 0, "a constant has several scales");
  n.reading().take(x.shape(), 2 * element_size(constant.type));
  const Shape all = permuted_shape(x.layout.factors, x.layout.order);
  const Value repeated = broadcast(constant, x.shape());
  const ValueId id = n.add(permuted(repeated, all, inverse(x.layout.order), n.graph().value(x.id).shape));
  n.set_output(n.append(op, {x.id, id}), x.layout);
}

/// Two tensors, of which one may be repeated along dimensions.
void append_pair(OnnxNodeReader& n, Arithmetic kind) {
  n.need(kind != Arithmetic::div, "divides one tensor by another, which slimpilot does not compute");
  const Op op = kind == Arithmetic::mul ? Op(Mul{}) : Op(Add{});
  const auto shape = broadcast_shape(n.shape(0), n.shape(1));
  n.need(shape == n.shape(0) || shape == n.shape(1), shape_text(n.shape(0)) + " and " + shape_text(n.shape(1)) + " do not fit");
  const size_t all = shape == n.shape(0) ? 0 : 1;
  const OnnxOperand a = n.input(all), b = n.input(1 - all);
  const auto minus = [&](size_t i, ValueId id) {
    return kind == Arithmetic::sub && i == 1 ? n.append(Mul{}, {id, scalar(n, -1, "/minus")}, "/negative") : id;
  };
  if (a.layout == b.layout && n.graph().value(a.id).shape == n.graph().value(b.id).shape) {
    const std::vector<ValueId> inputs{minus(all, a.id), minus(1 - all, b.id)};
    return n.set_output(n.append(op, inputs), a.layout);
  }
  const bool images = b.shape().size() == a.shape().size() && n.is_channels_first(all);
  const auto operand = [&](size_t i) { return minus(i, images ? n.image(i) : n.plain(i)); };
  const std::vector<ValueId> inputs{operand(all), operand(1 - all)};
  const ValueId id = n.append(op, inputs);
  if (images) return n.set_image_output(id);
  n.set_output(id, plain_layout(n.graph().value(id).shape));
}

/// c − x = −x + c.
void read_minus(OnnxNodeReader& n) {
  const OnnxOperand x = n.input(1);
  Value constant = n.constant(0);
  n.need(element_count(constant.shape) == 1, "subtracts a tensor from a constant that is no single number");
  const std::vector<float> number = reals_of(constant);
  const ValueId negative = n.append(Mul{}, {x.id, scalar(n, -1, "/minus")}, "/negative");
  n.set_output(n.append(Add{}, {negative, scalar(n, number[0], "/constant")}), x.layout);
}

void read_arithmetic(OnnxNodeReader& n, Arithmetic kind) {
  n.need(n.node().inputs.size() == 2, "needs two inputs");
  n.need(n.opset() >= 7 || !n.attribute("axis"),
         "repeats its second input along an axis, as operator sets before 7 did; export for a newer one");
  if (n.is_constant(1)) return append_with_constant(n, 0, kind);
  if (!n.is_constant(0)) return append_pair(n, kind);
  n.need(kind != Arithmetic::div, "divides a constant by a tensor, which slimpilot does not compute");
  if (kind == Arithmetic::sub) return read_minus(n);
  append_with_constant(n, 1, kind);
}

constexpr OnnxRule kRules[] = {
    {"Relu", read_relu},
    {"LeakyRelu", read_leaky_relu},
    {"Elu", read_elu},
    {"Tanh", read_tanh},
    {"Sigmoid", read_sigmoid},
    {"HardSigmoid", read_hard_sigmoid},
    {"Clip", read_clip},
    {"Softmax", read_softmax},
    {"Add", [](OnnxNodeReader& n) { read_arithmetic(n, Arithmetic::add); }},
    {"Sub", [](OnnxNodeReader& n) { read_arithmetic(n, Arithmetic::sub); }},
    {"Mul", [](OnnxNodeReader& n) { read_arithmetic(n, Arithmetic::mul); }},
    {"Div", [](OnnxNodeReader& n) { read_arithmetic(n, Arithmetic::div); }},
};

}  // namespace

std::span<const OnnxRule> onnx_elementwise_rules() { return kRules; }

}  // namespace slimpilot
