// SPDX-License-Identifier: Apache-2.0
// From nodes to calls; the functions for single ops are in weighted_calls.cpp and elementwise_calls.cpp.
#include "engine/steps.h"

#include <cstring>

#include "engine/node_calls.h"

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
  const Site site{graph, graph.nodes[index], kernels, none, {}, {}};
  std::vector<const Node*> found;
  for (size_t i = index + 1; i < graph.nodes.size(); ++i)
    if (computes_together(site, graph.nodes[i])) found.push_back(&graph.nodes[i]);
  return found;
}

std::vector<NodeCall> make_calls(const Graph& graph, const Node& node, const KernelTable& kernels, ConstantStore& constants,
                                 std::string_view way, const ThreadOptions& threads, std::span<const Node* const> others) {
  const Site site{graph, node, kernels, constants, way, threads, others};
  return std::visit([&](const auto& op) { return calls_for(op, site); }, node.op);
}

}  // namespace slimpilot
