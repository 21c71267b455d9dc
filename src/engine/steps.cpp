// SPDX-License-Identifier: Apache-2.0
// From nodes to calls; the functions for single ops are in weighted_calls.cpp and elementwise_calls.cpp.
#include "engine/steps.h"

#include <cstring>

#include "engine/node_calls.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

NodeCall call_for(const Reshape&, const Site&) { check(false); }  // a plan lets both names mean the same buffer

template <class Op>
std::vector<NodeCall> calls_for(const Op& op, const Site& s) {
  std::vector<NodeCall> calls;
  calls.push_back(call_for(op, s));
  return calls;
}
std::vector<NodeCall> calls_for(const Concat& op, const Site& s) {
  std::vector<NodeCall> calls;
  for (size_t i = 0; i < s.node.inputs.size(); ++i) calls.push_back(call_for(op, s, i));
  return calls;
}

}  // namespace

const void* ConstantStore::keep_bytes(std::span<const std::byte> data) {
  blocks_.push_back(aligned_bytes(data.size() + 64));  // vectors may read past the end
  std::memcpy(blocks_.back().data(), data.data(), data.size());
  return blocks_.back().data();
}

std::vector<const Node*> beside(const Graph& graph, size_t index, const KernelTable& kernels) {
  ConstantStore none;
  const ThreadOptions one_thread;
  const Site site{graph, graph.nodes[index], kernels, none, {}, Arithmetic::exact, one_thread};
  std::vector<const Node*> found;
  for (size_t i = index + 1; i < graph.nodes.size(); ++i)
    if (computes_together(site, graph.nodes[i])) found.push_back(&graph.nodes[i]);
  return found;
}

std::optional<CellNodes> cell_of(const Graph& graph, const Node& hidden, const KernelTable& kernels) {
  if (kernels.elementwise.lstm_cell_s8 == nullptr || !std::holds_alternative<Mul>(hidden.op)) return std::nullopt;
  // The second operand's node, if its result is int8 and read by nobody else.
  const auto made_by = [&](const Node& reader) -> const Node* {
    const ValueId id = reader.inputs.back();
    const int producer = producer_of(graph, id);
    const Value& value = graph.value(id);
    const bool alone = consumers_of(graph, id).size() == 1 && !is_output(graph, id) && value.type == ElementType::s8;
    const bool alike = value.shape == graph.value(reader.output).shape;  // no operand of a product is repeated
    return producer >= 0 && alone && alike ? &graph.nodes[static_cast<size_t>(producer)] : nullptr;
  };
  const Node* curve = made_by(hidden);
  const Node* product = curve != nullptr && std::holds_alternative<Activation>(curve->op) ? made_by(*curve) : nullptr;
  const Node* candidate = product != nullptr && std::holds_alternative<Mul>(product->op) ? made_by(*product) : nullptr;
  if (candidate == nullptr || !std::holds_alternative<Activation>(candidate->op)) return std::nullopt;
  return CellNodes{candidate, product, curve};
}

namespace {

Site site_of(const Graph& graph, const Node& node, const PlanOptions& options, ConstantStore& constants) {
  const auto way = options.ways.find(node.name);
  return {.graph = graph,
          .node = node,
          .kernels = kernels(options.isa),
          .constants = constants,
          .wanted = way == options.ways.end() ? std::string_view() : std::string_view(way->second),
          .arithmetic = options.arithmetic,
          .threads = options.threads};
}

}  // namespace

NodeCall make_cell_call(const Graph& graph, const Node& hidden, const CellNodes& cell, const PlanOptions& options,
                        ConstantStore& constants, const CellPlaces& places) {
  return call_for(cell, site_of(graph, hidden, options, constants), places);
}

std::vector<NodeCall> make_calls(const Graph& graph, const Node& node, const PlanOptions& options, ConstantStore& constants,
                                 std::span<const Node* const> others) {
  Site site = site_of(graph, node, options, constants);
  site.others = others;
  return std::visit([&](const auto& op) { return calls_for(op, site); }, node.op);
}

}  // namespace slimpilot
