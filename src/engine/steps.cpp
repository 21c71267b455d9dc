// SPDX-License-Identifier: Apache-2.0
// From nodes to calls; the functions for single ops are in weighted_calls.cpp and elementwise_calls.cpp.
#include "engine/steps.h"

#include <cstring>

#include "engine/node_calls.h"

namespace slimpilot {
namespace {

NodeCall call_for(const Reshape&, const Site&) { check(false); }  // a plan lets both names mean the same buffer

}  // namespace

const void* ConstantStore::keep_bytes(std::span<const std::byte> data) {
  blocks_.push_back(aligned_bytes(data.size() + 64));  // vectors may read past the end
  std::memcpy(blocks_.back().data(), data.data(), data.size());
  return blocks_.back().data();
}

NodeCall make_call(const Graph& graph, const Node& node, const PlanOptions& options, ConstantStore& constants) {
  const auto way = options.ways.find(node.name);
  const Site site{.graph = graph,
                  .node = node,
                  .kernels = kernels(options.isa),
                  .constants = constants,
                  .wanted = way == options.ways.end() ? std::string_view() : std::string_view(way->second),
                  .arithmetic = options.arithmetic,
                  .threads = options.threads};
  return std::visit([&](const auto& op) { return call_for(op, site); }, node.op);
}

}  // namespace slimpilot
