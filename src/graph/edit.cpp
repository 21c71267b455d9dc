// SPDX-License-Identifier: Apache-2.0
// Small functions with which importers and passes build and change graphs.
#include "graph/edit.h"

#include <algorithm>
#include <bit>

#include "base/error.h"

namespace slimpilot {

ValueId add_value(Graph& graph, std::string name, Shape shape, ElementType type) {
  graph.values.push_back({.name = std::move(name), .shape = std::move(shape), .type = type});
  return static_cast<ValueId>(graph.values.size()) - 1;
}

ValueId append_node(Graph& graph, std::string name, Op op, std::vector<ValueId> inputs) {
  Node node{.name = std::move(name), .op = std::move(op), .inputs = std::move(inputs)};
  node.output = add_value(graph, node.name, infer_shape(graph, node));
  graph.nodes.push_back(std::move(node));
  return graph.nodes.back().output;
}

int producer_of(const Graph& graph, ValueId value) {
  const auto found = std::find_if(graph.nodes.begin(), graph.nodes.end(), [&](const Node& n) { return n.output == value; });
  return found == graph.nodes.end() ? -1 : static_cast<int>(found - graph.nodes.begin());
}

std::vector<int> consumers_of(const Graph& graph, ValueId value) {
  std::vector<int> readers;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto& inputs = graph.nodes[i].inputs;
    if (std::find(inputs.begin(), inputs.end(), value) != inputs.end()) readers.push_back(static_cast<int>(i));
  }
  return readers;
}

bool is_output(const Graph& graph, ValueId value) {
  return std::find(graph.outputs.begin(), graph.outputs.end(), value) != graph.outputs.end();
}

void replace_uses(Graph& graph, ValueId from, ValueId to) {
  for (Node& node : graph.nodes) std::replace(node.inputs.begin(), node.inputs.end(), from, to);
  std::replace(graph.outputs.begin(), graph.outputs.end(), from, to);
}

void remove_unused(Graph& graph) {
  std::vector<bool> used(graph.values.size(), false);
  const auto use = [&](ValueId id) { used[static_cast<size_t>(id)] = true; };
  for (const ValueId id : graph.outputs) use(id);
  std::vector<Node> kept;
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    if (!used[static_cast<size_t>(node->output)]) continue;
    for (const ValueId id : node->inputs) use(id);
    kept.push_back(std::move(*node));
  }
  std::reverse(kept.begin(), kept.end());
  graph.nodes = std::move(kept);
  for (const ValueId id : graph.inputs) use(id);

  std::vector<ValueId> renumbered(graph.values.size(), kNoValue);
  std::vector<Value> values;
  for (size_t i = 0; i < graph.values.size(); ++i) {
    if (!used[i]) continue;
    renumbered[i] = static_cast<ValueId>(values.size());
    values.push_back(std::move(graph.values[i]));
  }
  graph.values = std::move(values);
  const auto renumber = [&](ValueId& id) { id = renumbered[static_cast<size_t>(id)]; };
  for (Node& node : graph.nodes) {
    for (ValueId& id : node.inputs) renumber(id);
    renumber(node.output);
  }
  for (ValueId& id : graph.inputs) renumber(id);
  for (ValueId& id : graph.outputs) renumber(id);
}

namespace {

template <class T>
std::vector<float> dequantized(const Value& value) {
  const auto elements = value.elements<T>();
  const Quantization& q = *value.quantization;
  int64_t inner = 1;  // elements per index of the axis
  for (size_t d = value.shape.size(); q.axis >= 0 && d-- > static_cast<size_t>(q.axis) + 1;) inner *= value.shape[d];
  std::vector<float> reals(elements.size());
  for (size_t i = 0; i < elements.size(); ++i) {
    const size_t channel = q.axis < 0 ? 0 : (i / static_cast<size_t>(inner)) % q.scale.size();
    reals[i] = static_cast<float>(q.scale[channel] * (static_cast<double>(elements[i]) - q.zero_point[channel]));
  }
  return reals;
}

}  // namespace

std::vector<float> constant_as_floats(const Value& value) {
  check(value.is_constant());
  switch (value.type) {
    case ElementType::f32: {
      const auto elements = value.elements<float>();
      return {elements.begin(), elements.end()};
    }
    case ElementType::f16: {
      std::vector<float> reals;
      for (const uint16_t half : value.elements<uint16_t>()) reals.push_back(half_to_float(half));
      return reals;
    }
    case ElementType::s8: return dequantized<int8_t>(value);
    case ElementType::u8: return dequantized<uint8_t>(value);
    case ElementType::s16: return dequantized<int16_t>(value);
    case ElementType::s32: return dequantized<int32_t>(value);
    case ElementType::s64: return dequantized<int64_t>(value);
  }
  check(false);
}

uint16_t float_to_half(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000);
  const uint32_t magnitude = bits & 0x7FFFFFFF;
  if (magnitude > 0x7F800000) return sign | 0x7E00;   // NaN
  if (magnitude >= 0x477FF000) return sign | 0x7C00;  // rounds to 65536 or more
  if (magnitude < 0x38800000) {                       // subnormal: let the float adder round
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3F000000));
  }
  const uint32_t odd = (magnitude >> 13) & 1;
  return static_cast<uint16_t>(sign | ((magnitude - 0x38000000 + 0xFFF + odd) >> 13));
}

float half_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const uint32_t exponent = (half >> 10) & 31, mantissa = half & 0x3FF;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000 | (mantissa << 13));
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1.0p-24f;
    return sign ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

uint16_t float_to_bfloat16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value), magnitude = bits & 0x7FFFFFFF;
  const auto upper = static_cast<uint16_t>(bits >> 16);
  if (magnitude > 0x7F800000) return upper | 0x40;    // NaN
  if (magnitude < 0x00800000) return upper & 0x8000;  // subnormal
  return static_cast<uint16_t>((bits + 0x7FFF + (upper & 1)) >> 16);
}

float bfloat16_to_float(uint16_t number) { return std::bit_cast<float>(uint32_t{number} << 16); }

}  // namespace slimpilot
