// SPDX-License-Identifier: Apache-2.0
// Small functions with which importers and passes build and change graphs.
#pragma once

#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace slimpilot {

/// Adds a value that a node will compute; returns its id.
ValueId add_value(Graph& graph, std::string name, Shape shape, ElementType type = ElementType::f32);

/// Adds a constant; `data` must fit `shape` and T the `type`.
template <class T>
ValueId add_constant(Graph& graph, std::string name, Shape shape, ElementType type, std::span<const T> data) {
  const ValueId id = add_value(graph, std::move(name), std::move(shape), type);
  const auto bytes = std::as_bytes(data);
  graph.value(id).data.assign(bytes.begin(), bytes.end());
  return id;
}
inline ValueId add_constant(Graph& graph, std::string name, Shape shape, const std::vector<float>& data) {
  return add_constant(graph, std::move(name), std::move(shape), ElementType::f32, std::span<const float>(data));
}

/// Appends a node whose output, of inferred shape and type f32, is named like the node; returns the output's id.
/// Throws Error when the inputs do not fit.
ValueId append_node(Graph& graph, std::string name, Op op, std::vector<ValueId> inputs);

/// Index of the node that computes `value`, or −1 (inputs and constants).
int producer_of(const Graph& graph, ValueId value);

/// Indices of the nodes that read `value`.
std::vector<int> consumers_of(const Graph& graph, ValueId value);

bool is_output(const Graph& graph, ValueId value);

/// Makes every reader of `from` (and the graph's outputs) read `to` instead.
void replace_uses(Graph& graph, ValueId from, ValueId to);

/// Removes nodes whose result nobody reads, then values that nothing mentions (ids are renumbered).
void remove_unused(Graph& graph);

/// A real-valued constant as floats: f32 as it is, f16 widened, integers dequantized.
std::vector<float> constant_as_floats(const Value& value);

/// IEEE binary16 ↔ binary32; to half: round to nearest even.
uint16_t float_to_half(float value);
float half_to_float(uint16_t half);

/// bfloat16, the upper half of binary32; to bfloat16: round to nearest even, subnormal numbers become 0, as `vcvtneps2bf16`
/// does.
uint16_t float_to_bfloat16(float value);
float bfloat16_to_float(uint16_t number);

}  // namespace slimpilot
