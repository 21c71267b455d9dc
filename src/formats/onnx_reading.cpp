// SPDX-License-Identifier: Apache-2.0
// What reading the nodes of an ONNX file has in common: inputs, attributes, values in the order in which they are needed.
#include "formats/onnx_reading.h"

#include <algorithm>

#include "base/error.h"
#include "graph/edit.h"

namespace slimpilot {

void OnnxReading::take(size_t bytes) {
  if (bytes > bytes_left) throw Error("its constants need many times the file's size; this is no trained network");
  bytes_left -= bytes;
}

void OnnxNodeReader::fail(const std::string& what) const { throw Error(what); }

const OnnxOperand& OnnxNodeReader::input(size_t i) const {
  need(has_input(i), "input " + std::to_string(i) + " is missing");
  const auto found = reading_.operands.find(node_.inputs[i]);
  need(found != reading_.operands.end(), "reads '" + node_.inputs[i] + "', which nothing has computed yet");
  return found->second;
}

const OnnxOperand& OnnxNodeReader::computed(size_t i) const {
  need(!input(i).constant, "input " + std::to_string(i) + " is a constant where a computed tensor is expected");
  return input(i);
}

const Value& OnnxNodeReader::constant(size_t i) const {
  need(is_constant(i), "input " + std::to_string(i) + " must be a constant");
  return *input(i).constant;
}

const OnnxAttribute* OnnxNodeReader::attribute(std::string_view name) const {
  const auto found = std::ranges::find(node_.attributes, name, &OnnxAttribute::name);
  return found == node_.attributes.end() ? nullptr : &*found;
}
int64_t OnnxNodeReader::integer(std::string_view name, int64_t otherwise) const {
  const OnnxAttribute* found = attribute(name);
  return found ? found->integer : otherwise;
}
float OnnxNodeReader::real(std::string_view name, float otherwise) const {
  const OnnxAttribute* found = attribute(name);
  return found ? found->real : otherwise;
}
std::string OnnxNodeReader::text(std::string_view name, const std::string& otherwise) const {
  const OnnxAttribute* found = attribute(name);
  return found ? found->text : otherwise;
}

std::optional<std::vector<int64_t>> OnnxNodeReader::integers(std::string_view name) const {
  const OnnxAttribute* found = attribute(name);
  return found ? std::optional(found->integers) : std::nullopt;
}
std::optional<std::vector<int64_t>> OnnxNodeReader::integers(std::string_view name, size_t i) const {
  return has_input(i) ? std::optional(integers_of(constant(i))) : integers(name);
}

ValueId OnnxNodeReader::append(Op op, std::vector<ValueId> inputs, const std::string& suffix) {
  const Value& first = graph().value(inputs[0]);
  const ElementType type = first.type;
  const auto quantization = first.quantization;
  const std::string& output = node_.outputs.at(0);
  const ValueId id =
      append_node(graph(), (node_.name.empty() ? output : node_.name) + suffix, std::move(op), std::move(inputs));
  graph().value(id).name = output + suffix;
  graph().value(id).type = type;
  graph().value(id).quantization = quantization;
  return id;
}

ValueId OnnxNodeReader::reshape_to(ValueId id, const Shape& shape, const std::string& suffix) {
  return graph().value(id).shape == shape ? id : append(Reshape{shape}, {id}, suffix);
}

/// The value's dimensions in the order of the result's: those longer than 1 as `factors` says, ones wherever they are.
static std::vector<int> value_order(const Shape& value, const std::vector<int>& factors, const Shape& result) {
  std::vector<int> long_dimensions, ones, order;
  for (size_t d = 0; d < value.size(); ++d) (value[d] == 1 ? ones : long_dimensions).push_back(static_cast<int>(d));
  size_t next_factor = 0, next_one = 0;
  for (const int extent : result)
    order.push_back(extent == 1 ? ones[next_one++] : long_dimensions[static_cast<size_t>(factors[next_factor++])]);
  return order;
}

ValueId OnnxNodeReader::arranged(size_t i, const std::vector<int>& order) {
  const OnnxOperand operand = computed(i);
  ValueId id = operand.id;
  OnnxLayout layout = operand.layout;
  const std::string suffix = "/input" + std::to_string(i);
  if (!layout.is_aligned()) {  // first into the tensor's own order
    id = reshape_to(id, layout.factors, suffix + "_image");
    id = append(Permute{layout.order}, {id}, suffix + "_order");
    layout = plain_layout(layout.shape);
  }
  layout = transposed(layout, order);
  if (layout.is_plain()) return reshape_to(id, layout.shape, suffix);
  Shape value = graph().value(id).shape;
  if (without_ones(value) != layout.factors || value.size() != layout.shape.size()) {
    value = layout.factors;
    value.insert(value.begin(), layout.shape.size() - value.size(), 1);
    id = reshape_to(id, value, suffix + "_shape");
  }
  return append(Permute{value_order(value, layout.order, layout.shape)}, {id}, suffix + "_order");
}

ValueId OnnxNodeReader::plain(size_t i) {
  std::vector<int> order(shape(i).size());
  for (size_t d = 0; d < order.size(); ++d) order[d] = static_cast<int>(d);
  return arranged(i, order);
}

ValueId OnnxNodeReader::image(size_t i) { return arranged(i, channels_last(shape(i).size())); }

bool OnnxNodeReader::is_channels_first(size_t i) const {
  const OnnxOperand& x = input(i);
  if (x.constant || x.shape().size() < 4) return false;
  const Shape& value = reading_.graph.value(x.id).shape;
  return !x.layout.is_plain() || (value != x.shape() && value == permuted_shape(x.shape(), channels_last(x.shape().size())));
}

ValueId OnnxNodeReader::add(Value constant) {
  graph().values.push_back(std::move(constant));
  return static_cast<ValueId>(graph().values.size()) - 1;
}

ValueId OnnxNodeReader::add_filled(const std::string& suffix, Shape shape, float number) {
  reading_.take(shape, sizeof(float));
  const std::vector<float> numbers(static_cast<size_t>(element_count(shape)), number);
  return add(real_constant(node_.outputs.at(0) + suffix, std::move(shape), numbers));
}

void OnnxNodeReader::set(size_t output, OnnxOperand operand) {
  need(output < node_.outputs.size(), "has too few outputs");
  const std::string& name = node_.outputs[output];
  if (name.empty()) return;
  need(!reading_.operands.contains(name), "writes '" + name + "' a second time");
  checked_shape({operand.shape().begin(), operand.shape().end()}, 0);
  reading_.operands.emplace(name, std::move(operand));
}

void OnnxNodeReader::set_image_output(ValueId id) {
  const Shape& shape = graph().value(id).shape;
  set_output(id, transposed(plain_layout(shape), channels_first(shape.size())));
}

void OnnxNodeReader::set_constant_output(Value constant) {
  constant.name = node_.outputs.at(0);
  OnnxLayout layout = plain_layout(constant.shape);
  set(0, {.constant = std::move(constant), .layout = std::move(layout)});
}

void OnnxNodeReader::pass_on() {
  if (is_constant(0)) reading_.take(constant(0).data.size());
  set(0, input(0));
}

namespace {

const OnnxRule* find_rule(std::string_view kind) {
  for (const auto rules : {onnx_layer_rules(), onnx_elementwise_rules(), onnx_shape_rules(), onnx_quantization_rules()})
    if (const auto rule = std::ranges::find(rules, kind, &OnnxRule::kind); rule != rules.end()) return &*rule;
  return nullptr;
}

/// ONNX's own operators, and those that ONNX Runtime's quantization adds.
bool is_known_domain(const OnnxNode& node) {
  constexpr std::string_view added[] = {"QGemm",          "QLinearAdd",      "QLinearMul", "QLinearSigmoid", "QLinearLeakyRelu",
                                        "QuantizeLinear", "DequantizeLinear"};
  if (node.domain == "com.microsoft") return std::ranges::count(added, node.kind) > 0;
  return node.domain.empty() || node.domain == "ai.onnx";
}

}  // namespace

void read_onnx_node(OnnxReading& reading, const OnnxNode& node) {
  OnnxNodeReader reader(reading, node);
  try {
    reader.need(is_known_domain(node),
                "is of the operator set '" + node.domain + "'; export with the standard operators of ONNX");
    reader.need(!node.outputs.empty(), "has no output");
    if (fold_onnx_node(reader)) return;
    const OnnxRule* rule = find_rule(node.kind);
    reader.need(rule != nullptr, "slimpilot does not know this operator; export the network without it");
    rule->read(reader);
  } catch (const Error& error) {
    const std::string& name = node.name.empty() && !node.outputs.empty() ? node.outputs[0] : node.name;
    throw Error("node '" + name + "' (" + node.kind + "): " + error.what());
  }
}

}  // namespace slimpilot
