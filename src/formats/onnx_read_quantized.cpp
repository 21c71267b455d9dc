// SPDX-License-Identifier: Apache-2.0
// QuantizeLinear and DequantizeLinear, which become nodes as they stand (fuse_integers then makes integer layers of what lies
// between them), and the operators on integers, which are read as these two around real ones. uint8 becomes int8: numbers and
// zero points less 128.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "formats/onnx_reading.h"
#include "formats/symmetric_weights.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

/// Scale (input 1) and zero point (input 2) as they stand in the file; a vector goes along `axis` of `shape`.
Quantization quantization_of(OnnxNodeReader& n, const Shape& shape) {
  Quantization q{.scale = reals_of(n.constant(1))};
  n.need(n.integer("block_size", 0) == 0, "is quantized in blocks, which slimpilot does not compute");
  n.reading().take(q.scale.size() * 2 * sizeof(int64_t));
  std::vector<int64_t> zero_points(q.scale.size(), 0);
  if (n.has_input(2)) zero_points = integers_of(n.constant(2));
  n.need(!q.scale.empty() && zero_points.size() == q.scale.size(), "has scales and zero points of different number");
  for (const int64_t zero : zero_points) q.zero_point.push_back(static_cast<int32_t>(zero));
  if (q.scale.size() == 1) return q;
  const size_t axis = axis_of(n.integer("axis", 1), shape.size());
  n.need(shape[axis] == static_cast<int>(q.scale.size()),
         "has " + std::to_string(q.scale.size()) + " scales that do not fit " + shape_text(shape));
  q.axis = static_cast<int>(axis);
  return q;
}

Quantization signed_quantization(Quantization q) {
  for (int32_t& zero : q.zero_point) zero -= 128;
  return q;
}

ElementType target_type(const OnnxNodeReader& n) {
  if (n.has_input(2)) return n.constant(2).type;
  const auto type = static_cast<OnnxType>(n.integer("output_dtype", 0));
  n.need(type == OnnxType::none || type == OnnxType::uint8 || type == OnnxType::int8 || type == OnnxType::int16,
         "quantizes to a type that slimpilot does not compute");
  return type == OnnxType::int8 ? ElementType::s8 : type == OnnxType::int16 ? ElementType::s16 : ElementType::u8;
}

/// round(x / scale) + zero point with halves to even, limited to `type`.
Value quantized(OnnxNodeReader& n, const Value& constant, const Quantization& q, ElementType type) {
  n.reading().take(constant.shape, sizeof(int64_t) + sizeof(float));
  const std::vector<float> numbers = reals_of(constant);
  const auto [low, high] = integer_range(type);
  size_t inner = 1;
  for (size_t d = constant.shape.size(); q.axis >= 0 && d-- > static_cast<size_t>(q.axis) + 1;)
    inner *= static_cast<size_t>(constant.shape[d]);
  Value result{.name = constant.name, .shape = constant.shape, .type = type};
  for (size_t i = 0; i < numbers.size(); ++i) {
    const size_t channel = i / inner % q.scale.size();
    const float integer = std::nearbyint(numbers[i] / q.scale[channel]) + static_cast<float>(q.zero_point[channel]);
    const auto limited = static_cast<int16_t>(std::clamp(integer, static_cast<float>(low), static_cast<float>(high)));
    const auto* bytes = reinterpret_cast<const std::byte*>(&limited);
    result.data.insert(result.data.end(), bytes, bytes + element_size(type));
  }
  return result;
}

void read_quantize(OnnxNodeReader& n) {
  const OnnxOperand x = n.input(0);
  const ElementType type = target_type(n);
  n.need(element_size(type) <= 2, "quantizes to a type that slimpilot does not compute");
  Quantization q = quantization_of(n, x.shape());
  for (const float scale : q.scale) n.need(scale > 0 && std::isfinite(scale), "has a scale that is not positive and finite");
  if (x.constant) return n.set_constant_output(quantized(n, *x.constant, q, type));
  n.need(q.axis < 0, "quantizes a computed tensor with several scales; only weights may have these");
  n.need(n.graph().value(x.id).type == ElementType::f32, "quantizes integers");
  const ValueId id = n.append(Quantize{}, {x.id});
  Value& value = n.graph().value(id);
  value.type = type == ElementType::u8 ? ElementType::s8 : type;
  value.quantization = type == ElementType::u8 ? signed_quantization(std::move(q)) : std::move(q);
  n.set_output(id, x.layout);
}

void read_dequantize(OnnxNodeReader& n) {
  const OnnxOperand x = n.input(0);
  Quantization q = quantization_of(n, x.shape());
  if (x.constant) {
    n.need(!x.constant->quantization && x.constant->type != ElementType::f32 && x.constant->type != ElementType::f16,
           "dequantizes real numbers");
    Value constant = *x.constant;
    n.reading().take(constant.data.size());
    constant.quantization = std::move(q);
    if (constant.type == ElementType::u8) make_signed(constant);
    return n.set(0, {.constant = std::move(constant), .layout = x.layout});
  }
  n.need(q.axis < 0, "dequantizes a computed tensor with several scales; only weights may have these");
  Value& value = n.graph().value(x.id);
  n.need(value.type != ElementType::f32, "dequantizes real numbers");
  const bool without_zero = !n.has_input(2), is_unsigned = value.type == ElementType::u8;  // u8: an input of the network
  if (is_unsigned || (!without_zero && n.constant(2).type == ElementType::u8)) q = signed_quantization(std::move(q));
  if (without_zero && value.quantization && value.quantization->zero_point[0] == -128) q.zero_point = {-128};
  if (is_unsigned) value.type = ElementType::s8;
  if (!value.quantization) value.quantization = q;
  n.need(value.quantization == q, "dequantizes with another scale or zero point than its input was quantized with");
  const ValueId id = n.append(Dequantize{}, {x.id});
  n.graph().value(id).type = ElementType::f32;
  n.graph().value(id).quantization.reset();
  n.set_output(id, x.layout);
}

/// Reads nodes of the standard operators in the place of one.
class Lowering {
 public:
  explicit Lowering(OnnxNodeReader& n) : n_(n) {}

  /// Input x with the scale and the zero point behind it; gives the name of the real tensor.
  std::string dequantized(size_t x, size_t scale, int64_t axis) {
    OnnxNode node = like("DequantizeLinear", "/real" + std::to_string(x));
    node.inputs = {input(x), input(scale), input(scale + 1)};
    node.attributes = {{.name = "axis", .kind = OnnxAttribute::Kind::integer, .integer = axis}};
    return read(std::move(node));
  }
  /// A bias of integers, whose scale is the product of two others.
  std::string dequantized_bias(size_t bias, size_t scale, size_t weight_scale) {
    const std::vector<float> a = reals_of(n_.constant(scale));
    std::vector<float> scales = reals_of(n_.constant(weight_scale));
    n_.need(a.size() == 1, "its input has several scales");
    n_.reading().take(scales.size() * sizeof(float));
    for (float& one : scales) one *= a[0];
    const std::string name = n_.node().outputs[0] + "/bias_scale";
    Value constant = real_constant(name, {static_cast<int>(scales.size())}, scales);
    OnnxLayout layout = plain_layout(constant.shape);
    n_.reading().operands[name] = {.constant = std::move(constant), .layout = std::move(layout)};
    OnnxNode node = like("DequantizeLinear", "/real" + std::to_string(bias));
    node.inputs = {input(bias), name};
    node.attributes = {{.name = "axis", .kind = OnnxAttribute::Kind::integer, .integer = 0}};
    return read(std::move(node));
  }
  std::string computed(const char* kind, std::vector<std::string> inputs) {
    OnnxNode node = like(kind, "/real");
    node.inputs = std::move(inputs);
    node.attributes = n_.node().attributes;
    return read(std::move(node));
  }
  void quantized(const std::string& real, size_t scale) {
    OnnxNode node = like("QuantizeLinear", "");
    node.inputs = {real, input(scale), input(scale + 1)};
    read(std::move(node));
  }

 private:
  std::string input(size_t i) const { return n_.has_input(i) ? n_.node().inputs[i] : std::string(); }
  OnnxNode like(const char* kind, const std::string& suffix) const {
    const std::string& output = n_.node().outputs[0];
    return {.name = (n_.node().name.empty() ? output : n_.node().name) + suffix, .kind = kind, .outputs = {output + suffix}};
  }
  std::string read(OnnxNode node) {
    for (const std::string& name : node.inputs) ++n_.reading().readers[name];
    read_onnx_node(n_.reading(), node);
    return node.outputs[0];
  }

  OnnxNodeReader& n_;
};

void read_qlinear_conv(OnnxNodeReader& n) {
  n.need(n.node().inputs.size() >= 8, "needs eight inputs");
  Lowering lowering(n);
  std::vector<std::string> inputs{lowering.dequantized(0, 1, 1), lowering.dequantized(3, 4, 0)};
  if (n.has_input(8)) inputs.push_back(lowering.dequantized_bias(8, 1, 4));
  lowering.quantized(lowering.computed("Conv", std::move(inputs)), 6);
}

void read_qlinear_matmul(OnnxNodeReader& n) {
  n.need(n.node().inputs.size() == 8, "needs eight inputs");
  Lowering lowering(n);
  const std::string x = lowering.dequantized(0, 1, 1), w = lowering.dequantized(3, 4, 1);
  lowering.quantized(lowering.computed("MatMul", {x, w}), 6);
}

void read_qgemm(OnnxNodeReader& n) {
  n.need(n.has_input(7), "has no scale for its output");
  Lowering lowering(n);
  const int64_t axis = n.integer("transB", 0) != 0 ? 0 : 1;
  std::vector<std::string> inputs{lowering.dequantized(0, 1, 1), lowering.dequantized(3, 4, axis)};
  if (n.has_input(6)) inputs.push_back(lowering.dequantized_bias(6, 1, 4));
  lowering.quantized(lowering.computed("Gemm", std::move(inputs)), 7);
}

void read_qlinear_pair(OnnxNodeReader& n, const char* kind) {
  n.need(n.has_input(6), "has no scale for its output");
  Lowering lowering(n);
  const std::string a = lowering.dequantized(0, 1, 1), b = lowering.dequantized(3, 4, 1);
  lowering.quantized(lowering.computed(kind, {a, b}), 6);
}

void read_qlinear_function(OnnxNodeReader& n, const char* kind) {
  n.need(n.has_input(3), "has no scale for its output");
  Lowering lowering(n);
  lowering.quantized(lowering.computed(kind, {lowering.dequantized(0, 1, 1)}), 3);
}

constexpr OnnxRule kRules[] = {
    {"QuantizeLinear", read_quantize},
    {"DequantizeLinear", read_dequantize},
    {"QLinearConv", read_qlinear_conv},
    {"QLinearMatMul", read_qlinear_matmul},
    {"QGemm", read_qgemm},
    {"QLinearAdd", [](OnnxNodeReader& n) { read_qlinear_pair(n, "Add"); }},
    {"QLinearMul", [](OnnxNodeReader& n) { read_qlinear_pair(n, "Mul"); }},
    {"QLinearSigmoid", [](OnnxNodeReader& n) { read_qlinear_function(n, "Sigmoid"); }},
    {"QLinearLeakyRelu", [](OnnxNodeReader& n) { read_qlinear_function(n, "LeakyRelu"); }},
};

}  // namespace

std::span<const OnnxRule> onnx_quantization_rules() { return kRules; }

}  // namespace slimpilot
