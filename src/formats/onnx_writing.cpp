// SPDX-License-Identifier: Apache-2.0
// What writing the nodes of a graph to an ONNX file has in common: names, constants, real numbers around integers.
#include "formats/onnx_writing.h"

#include "base/error.h"
#include "formats/onnx_constant.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

constexpr size_t kLargestFile = (size_t{1} << 31) - (size_t{1} << 24);  // Protocol Buffers' limit, less what is not weights

}  // namespace

OnnxAttribute onnx_attribute(std::string name, int64_t number) {
  return {.name = std::move(name), .kind = OnnxAttribute::Kind::integer, .integer = number};
}
OnnxAttribute onnx_attribute(std::string name, float number) {
  return {.name = std::move(name), .kind = OnnxAttribute::Kind::real, .real = number};
}
OnnxAttribute onnx_attribute(std::string name, std::vector<int64_t> numbers) {
  return {.name = std::move(name), .kind = OnnxAttribute::Kind::integers, .integers = std::move(numbers)};
}

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

std::vector<int64_t> onnx_integers(const std::vector<int>& numbers) { return {numbers.begin(), numbers.end()}; }

bool is_image(const Shape& shape) { return shape.size() == 4; }

std::string OnnxWriting::unique(const std::string& name) {
  std::string candidate = name.empty() ? "value" : name;
  for (int i = 2; !names.insert(candidate).second; ++i) candidate = name + "_" + std::to_string(i);
  return candidate;
}

void OnnxWriting::add_node(std::string kind, std::string name, std::vector<std::string> inputs,
                           std::vector<std::string> outputs, OnnxAttributes attributes) {
  model.nodes.push_back({.name = std::move(name),
                         .kind = std::move(kind),
                         .inputs = std::move(inputs),
                         .outputs = std::move(outputs),
                         .attributes = std::move(attributes)});
}

std::string OnnxWriting::add_constant(const Value& constant) {
  const std::string name = unique(constant.name);
  const Value& kept = constants.emplace_back(constant);
  bytes += kept.data.size();
  if (bytes > kLargestFile) throw Error("the weights exceed 2 GB, more than an .onnx file can hold");
  const std::string_view raw(reinterpret_cast<const char*>(kept.data.data()), kept.data.size());
  model.initializers.push_back({.name = name, .dims = onnx_integers(kept.shape), .type = onnx_type(kept.type), .raw = raw});
  return name;
}

std::string OnnxWriting::add_numbers(const std::string& name, const std::vector<int64_t>& numbers) {
  return add_constant(integer_constant(name, {static_cast<int>(numbers.size())}, numbers));
}
std::string OnnxWriting::add_number(const std::string& name, float number) {
  return add_constant(real_constant(name, {}, {number}));
}

std::string OnnxWriting::add_real_constant(const Value& constant) {
  const std::string name = add_constant(constant);
  if (constant.type == ElementType::f32) return name;
  const std::string target = unique(constant.name + "/real");
  if (constant.type == ElementType::f16) {
    add_node("Cast", target, {name}, {target}, {onnx_attribute("to", int64_t{1})});
    return target;
  }
  const auto [scale, zero] = scale_and_zero(constant.name, constant);
  std::vector<std::string> inputs{name, scale};
  if (!zero.empty()) inputs.push_back(zero);
  const int axis = constant.quantization->axis;
  add_node("DequantizeLinear", target, std::move(inputs), {target},
           axis < 0 ? OnnxAttributes{} : OnnxAttributes{onnx_attribute("axis", int64_t{axis})});
  return target;
}

std::pair<std::string, std::string> OnnxWriting::scale_and_zero(const std::string& name, const Value& v) {
  const Quantization& q = *v.quantization;
  const Shape shape = q.axis < 0 ? Shape{} : Shape{static_cast<int>(q.scale.size())};
  const std::string scale = add_constant(real_constant(name + "/scale", shape, q.scale));
  if (v.type == ElementType::s32) return {scale, {}};
  Value zero{.name = name + "/zero_point", .shape = shape, .type = v.type};
  for (const int32_t number : q.zero_point) {
    const auto* begin = reinterpret_cast<const std::byte*>(&number);
    zero.data.insert(zero.data.end(), begin, begin + element_size(v.type));
  }
  return {scale, add_constant(zero)};
}

std::string OnnxWriting::real(ValueId id) {
  const Value& v = graph.value(id);
  if (const auto known = reals.find(id); known != reals.end()) return known->second;
  if (v.is_constant()) return reals[id] = add_real_constant(v);
  if (v.type == ElementType::f32) return stored.at(id);
  const std::string name = unique(v.name + "/real");
  const auto [scale, zero] = scale_and_zero(v.name + "/dequantize", v);
  add_node("DequantizeLinear", name, {stored.at(id), scale, zero}, {name});
  return reals[id] = name;
}

void OnnxNodeWriter::fail(const std::string& what) const {
  throw Error("layer '" + node_.name + "' (" + std::string(op_name(node_.op)) + "): " + what);
}

const Value& OnnxNodeWriter::weight(size_t i) const {
  if (!input(i).is_constant()) fail("weights and bias must be constants");
  return input(i);
}

/// The name of an output is kept for what the network yields: an image still has to be turned.
std::string OnnxNodeWriter::output_name() {
  const std::string& name = output().name;
  if (!is_output(graph(), node_.output)) return writing_.unique(name);
  return is_image(output().shape) ? writing_.unique(name + "/channels_first") : name;
}

std::string OnnxNodeWriter::begin_output() {
  if (output().type == ElementType::f32) return writing_.stored[node_.output] = output_name();
  return writing_.unique(output().name + "/linear");
}

void OnnxNodeWriter::end_output(const std::string& real_name) {
  if (output().type == ElementType::f32) return;
  const std::string name = writing_.stored[node_.output] = output_name();
  const auto [scale, zero] = writing_.scale_and_zero(output().name + "/quantize", output());
  const bool itself = std::holds_alternative<Quantize>(node_.op);
  writing_.add_node("QuantizeLinear", itself ? node_.name : node_.name + "/quantize", {real_name, scale, zero}, {name});
}

void OnnxNodeWriter::finish(const std::string& kind, std::vector<std::string> inputs, OnnxAttributes attributes) {
  const std::string result = begin_output();
  writing_.add_node(kind, node_.name, std::move(inputs), {result}, std::move(attributes));
  end_output(result);
}

void OnnxNodeWriter::finish_stored(const std::string& kind, std::vector<std::string> inputs, OnnxAttributes attributes) {
  const std::string result = writing_.stored[node_.output] = output_name();
  writing_.add_node(kind, node_.name, std::move(inputs), {result}, std::move(attributes));
}

void OnnxNodeWriter::finish_with_clamp(const std::string& kind, ActivationKind clamp, std::vector<std::string> inputs,
                                       OnnxAttributes attributes) {
  if (clamp == ActivationKind::none) return finish(kind, std::move(inputs), std::move(attributes));
  const std::string layer = writing_.unique(output().name + "/layer"), result = begin_output();
  writing_.add_node(kind, node_.name, std::move(inputs), {layer}, std::move(attributes));
  add_activation(clamp, node_.name + "/" + std::string(activation_name(clamp)), layer, result);
  end_output(result);
}

void OnnxNodeWriter::add_activation(ActivationKind kind, const std::string& name, const std::string& in,
                                    const std::string& out) {
  OnnxWriting& w = writing_;
  switch (kind) {
    case ActivationKind::none: return w.add_node("Identity", name, {in}, {out});
    case ActivationKind::relu: return w.add_node("Relu", name, {in}, {out});
    case ActivationKind::elu: return w.add_node("Elu", name, {in}, {out});
    case ActivationKind::tanh: return w.add_node("Tanh", name, {in}, {out});
    case ActivationKind::sigmoid: return w.add_node("Sigmoid", name, {in}, {out});
    case ActivationKind::hard_sigmoid:
      return w.add_node("HardSigmoid", name, {in}, {out}, {onnx_attribute("alpha", .2f), onnx_attribute("beta", .5f)});
    case ActivationKind::relu6:
    case ActivationKind::relu_n1_to_1:
    case ActivationKind::relu_0_to_1: break;
  }
  const ClampRange range = clamp_range(kind);
  const std::string low = w.add_number(name + "/low", range.low), high = w.add_number(name + "/high", range.high);
  w.add_node("Clip", name, {in, low, high}, {out});
}

}  // namespace slimpilot
