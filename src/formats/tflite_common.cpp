// SPDX-License-Identifier: Apache-2.0
// Tables and rules of TensorFlow Lite files that reading and writing share. Operator versions are those that
// TensorFlow 2.21's converter was seen to write; which kernels exist was tried with LiteRT 2.3.
#include "formats/tflite_common.h"

#include <tflite_generated.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace slimpilot {

using tflite_schema::ActivationFunctionType;
using tflite_schema::BuiltinOperator;
using tflite_schema::TensorType;

namespace {

struct TypePair {
  ElementType type;
  TensorType code;
};
constexpr TypePair kTypes[] = {
    {ElementType::f32, TensorType::FLOAT32}, {ElementType::f16, TensorType::FLOAT16}, {ElementType::s8, TensorType::INT8},
    {ElementType::u8, TensorType::UINT8},    {ElementType::s16, TensorType::INT16},   {ElementType::s32, TensorType::INT32},
    {ElementType::s64, TensorType::INT64},
};

/// An activation's operator and its version for f32, s8 and s16; 0: LiteRT has no such kernel.
struct ActivationRow {
  ActivationKind kind;
  BuiltinOperator code;
  int version_f32, version_s8, version_s16;
};
constexpr ActivationRow kActivations[] = {
    {ActivationKind::relu, BuiltinOperator::RELU, 1, 2, 2},
    {ActivationKind::relu6, BuiltinOperator::RELU6, 1, 2, 2},
    {ActivationKind::relu_n1_to_1, BuiltinOperator::RELU_N1_TO_1, 1, 1, 0},
    {ActivationKind::relu_0_to_1, BuiltinOperator::RELU_0_TO_1, 1, 1, 0},
    {ActivationKind::elu, BuiltinOperator::ELU, 1, 1, 0},
    {ActivationKind::tanh, BuiltinOperator::TANH, 1, 2, 2},
    {ActivationKind::sigmoid, BuiltinOperator::LOGISTIC, 1, 2, 2},
};
const ActivationRow* row_of(ActivationKind kind) {
  const auto row = std::ranges::find(kActivations, kind, &ActivationRow::kind);
  return row == std::end(kActivations) ? nullptr : row;
}
int version_of(const ActivationRow& row, ElementType type) {
  switch (type) {
    case ElementType::f32: return row.version_f32;
    case ElementType::s8: return row.version_s8;
    case ElementType::s16: return row.version_s16;
    default: return 0;
  }
}

[[noreturn]] void fail(const Node& node, const std::string& what) {
  throw Error("layer '" + node.name + "' (" + std::string(op_name(node.op)) + "): " + what);
}

struct IntegerInterval {
  double low, high;
  bool operator==(const IntegerInterval&) const = default;
};
IntegerInterval integer_interval(ActivationKind kind, const Value& output) {
  const auto [low, high] = integer_range(output.type);
  const ClampRange clamp = clamp_range(kind);
  const float scale = output.quantization->scale[0];
  const double zero = output.quantization->zero_point[0];
  return {std::max<double>(low, zero + std::round(clamp.low / scale)),
          std::min<double>(high, zero + std::round(clamp.high / scale))};
}

/// Weights: zero points 0, and scales per tensor or per output channel.
void check_weights(const Node& node, const Value& weights) {
  const int axis = std::holds_alternative<DepthwiseConv2D>(node.op) ? 3 : 0;
  const Quantization& q = *weights.quantization;
  if (q.axis != -1 && q.axis != axis) fail(node, "weights are quantized along axis " + std::to_string(q.axis));
  if (std::ranges::any_of(q.zero_point, [](int zero) { return zero != 0; }))
    fail(node, "weights have a zero point other than 0; quantize them symmetrically");
}

void check_activation(const Node& node, const Activation& op, const Value& out) {
  const ActivationRow* row = row_of(op.kind);
  if (!row) fail(node, std::string(activation_name(op.kind)) + " has no TensorFlow Lite operator; lower it first");
  if (version_of(*row, out.type) == 0)
    fail(node, "LiteRT has no " + std::string(type_name(out.type)) + " kernel for " + std::string(activation_name(op.kind)) +
                   "; dequantize before it and quantize after it");
  const bool is_tanh = op.kind == ActivationKind::tanh, wide = out.type == ElementType::s16;
  if (out.type == ElementType::f32 || (!is_tanh && op.kind != ActivationKind::sigmoid)) return;
  if (is_tanh && !wide) return;  // a table of 256 entries fits any scale
  const float scale = wide ? 0x1p-15f : 0x1p-8f;
  const int zero = wide ? 0 : -128;
  if (out.quantization->scale[0] != scale || out.quantization->zero_point[0] != zero)
    fail(node, "the output's quantization must be scale 1/" + std::to_string(static_cast<int>(1 / scale)) + ", zero point " +
                   std::to_string(zero));
}

/// Concat, too, which has several inputs.
void check_same_quantization(const Graph& graph, const Node& node) {
  for (const ValueId id : node.inputs)
    if (graph.value(id).quantization != graph.value(node.output).quantization) fail(node, "must not change the quantization");
}

void check_pair(const Graph& graph, const Node& node) {
  if (node.inputs.size() != 2) fail(node, "needs two inputs");
  const Value &a = graph.value(node.inputs[0]), &b = graph.value(node.inputs[1]);
  const bool half = a.type == ElementType::f32 && b.type == ElementType::f16 && b.is_constant();
  if (a.type != b.type && !half) fail(node, "inputs differ in type");
  if (b.quantization && b.quantization->axis >= 0) fail(node, "an input is quantized per channel");
  if (a.shape != b.shape && element_count(b.shape) > 1 && a.shape.size() > 4)
    fail(node, "LiteRT repeats an input along at most 4 dimensions");
}

/// s16 activations are symmetric; only weights and biases are quantized per channel.
void check_activations_value(const Node& node, const Value& value) {
  if (value.type == ElementType::f32) return;
  if (value.type == ElementType::u8)
    fail(node, "computes in uint8, which slimpilot does not; quantize the network to int8 instead");
  if (value.type != ElementType::s8 && value.type != ElementType::s16)
    fail(node, "computes in " + std::string(type_name(value.type)) + "; only f32, s8 and s16 are known");
  if (!value.quantization || value.quantization->axis >= 0 || value.quantization->scale.size() != 1)
    fail(node, "tensor '" + value.name + "' needs one scale and one zero point");
  if (value.type == ElementType::s16 && value.quantization->zero_point[0] != 0)
    fail(node, "tensor '" + value.name + "' is s16 with a zero point other than 0");
}

bool has_weights(const Op& op) {
  return std::holds_alternative<Conv2D>(op) || std::holds_alternative<DepthwiseConv2D>(op) || std::holds_alternative<Dense>(op);
}

/// Between real and s8, u8 or s16 (f32 from f16 is no node of a graph: the constant itself is f16).
void check_conversion(const Graph& graph, const Node& node) {
  for (const ValueId id : {node.inputs[0], node.output}) {
    const Value& value = graph.value(id);
    if (value.type != ElementType::u8)
      check_activations_value(node, value);
    else if (!value.quantization || value.quantization->axis >= 0)
      fail(node, "a uint8 tensor needs one scale and zero point");
  }
}

}  // namespace

TensorType tensor_type(ElementType type) { return std::ranges::find(kTypes, type, &TypePair::type)->code; }

std::optional<ElementType> element_type(TensorType type) {
  const auto row = std::ranges::find(kTypes, type, &TypePair::code);
  return row == std::end(kTypes) ? std::nullopt : std::optional(row->type);
}

std::string operator_name(BuiltinOperator code) {
  const std::string name = tflite_schema::EnumNameBuiltinOperator(code);
  return name.empty() ? "operator " + std::to_string(static_cast<int>(code)) : name;
}

std::optional<BuiltinOperator> activation_operator(ActivationKind kind) {
  const ActivationRow* row = row_of(kind);
  return row ? std::optional(row->code) : std::nullopt;
}

std::optional<ActivationKind> activation_kind(BuiltinOperator code) {
  const auto row = std::ranges::find(kActivations, code, &ActivationRow::code);
  return row == std::end(kActivations) ? std::nullopt : std::optional(row->kind);
}

std::optional<ActivationFunctionType> fused_function(ActivationKind kind, const Value& output) {
  constexpr std::pair<ActivationKind, ActivationFunctionType> functions[] = {
      {ActivationKind::none, ActivationFunctionType::NONE},
      {ActivationKind::relu, ActivationFunctionType::RELU},
      {ActivationKind::relu_n1_to_1, ActivationFunctionType::RELU_N1_TO_1},
      {ActivationKind::relu6, ActivationFunctionType::RELU6},
  };
  for (const auto& [own, function] : functions)
    if (own == kind) return function;
  if (output.type == ElementType::f32 || !is_clamp(kind)) return std::nullopt;
  for (const auto& [own, function] : functions)
    if (integer_interval(own, output) == integer_interval(kind, output)) return function;
  return std::nullopt;
}

TfliteArithmetic arithmetic_of(const Graph& graph, const Node& node) {
  if (node.inputs.size() != 3) fail(node, "needs three inputs");
  const Value &x = graph.value(node.inputs[0]), &w = graph.value(node.inputs[1]), &b = graph.value(node.inputs[2]);
  if (!w.is_constant() || !b.is_constant()) fail(node, "weights and bias must be constants");
  const auto real = [](const Value& v) { return v.type == ElementType::f32 || v.type == ElementType::f16; };
  if (x.type == ElementType::f32 && real(w) && real(b)) return TfliteArithmetic::real;
  const bool hybrid = x.type == ElementType::f32 && b.type == ElementType::f32;
  const bool int8 = x.type == ElementType::s8 && b.type == ElementType::s32;
  const bool int16 = x.type == ElementType::s16 && b.type == ElementType::s64;
  if (w.type != ElementType::s8 || !w.quantization || !(hybrid || int8 || int16) || (!hybrid && !b.quantization))
    fail(node, "cannot compute with input " + std::string(type_name(x.type)) + ", weights " + std::string(type_name(w.type)) +
                   " and bias " + std::string(type_name(b.type)));
  check_weights(node, w);
  return hybrid ? TfliteArithmetic::hybrid : int8 ? TfliteArithmetic::int8 : TfliteArithmetic::int16;
}

void check_tflite_numbers(const Graph& graph, const Node& node) {
  if (std::holds_alternative<Lstm>(node.op))
    fail(node, "has no TensorFlow Lite operator; without kept state `convert` takes it apart, step by step");
  if (std::holds_alternative<BatchNorm>(node.op) || std::holds_alternative<ConvLstm2D>(node.op))
    fail(node, "has no TensorFlow Lite operator; fold or lower it first");
  if (node.inputs.empty()) fail(node, "has no input");
  const Value &in = graph.value(node.inputs[0]), &out = graph.value(node.output);
  if (std::holds_alternative<Quantize>(node.op) || std::holds_alternative<Dequantize>(node.op))
    return check_conversion(graph, node);
  check_activations_value(node, in);
  check_activations_value(node, out);
  if (in.type != out.type) fail(node, "input and output differ in type");
  if (has_weights(node.op))
    arithmetic_of(graph, node);
  else if (const auto* activation = std::get_if<Activation>(&node.op))
    check_activation(node, *activation, out);
  else if (std::holds_alternative<Softmax>(node.op) && in.type != ElementType::f32)
    fail(node, "slimpilot computes it in real numbers alone; dequantize before it and quantize after it");
  else if (std::holds_alternative<Softmax>(node.op) || std::holds_alternative<LeakyRelu>(node.op))
    return;
  else if (std::holds_alternative<Add>(node.op) || std::holds_alternative<Mul>(node.op))
    check_pair(graph, node);
  else
    check_same_quantization(graph, node);
}

int operator_version(const Graph& graph, const Node& node) {
  const ElementType in = graph.value(node.inputs[0]).type;
  const auto layer = [&](int real, int hybrid, int integer) {
    const TfliteArithmetic arithmetic = arithmetic_of(graph, node);
    return arithmetic == TfliteArithmetic::real ? real : arithmetic == TfliteArithmetic::hybrid ? hybrid : integer;
  };
  return std::visit(Overloaded{
                        [&](const Conv2D&) { return layer(1, 5, 3); },
                        [&](const DepthwiseConv2D&) { return layer(1, 6, 3); },
                        [&](const Dense&) { return layer(1, 12, 4); },
                        [&](const Activation& op) { return version_of(*row_of(op.kind), in); },
                        [&](const Dequantize&) { return in == ElementType::u8 ? 1 : 2; },
                        [](const Reshape&) { return 1; },
                        [&](const LeakyRelu&) { return in == ElementType::s16 ? 2 : 1; },
                        [](const Quantize&) { return 1; },
                        [&](const auto&) { return in == ElementType::f32 ? 1 : 2; },
                    },
                    node.op);
}

}  // namespace slimpilot
