// SPDX-License-Identifier: Apache-2.0
// Layer → clamp becomes one node again.
#include "formats/fused_clamps.h"

#include <algorithm>

namespace slimpilot {
namespace {

ActivationKind* activation_of(Op& op) {
  ActivationKind* found = nullptr;
  std::visit(
      Overloaded{[&](Conv2D& layer) { found = &layer.activation; }, [&](DepthwiseConv2D& layer) { found = &layer.activation; },
                 [&](Dense& layer) { found = &layer.activation; }, [](auto&) {}},
      op);
  return found;
}

}  // namespace

void fuse_clamps(Graph& graph, std::span<const ActivationKind> kinds) {
  std::vector<int> readers(graph.values.size(), 0), producer(graph.values.size(), -1);
  for (const ValueId id : graph.outputs) ++readers[static_cast<size_t>(id)];
  for (const Node& node : graph.nodes)
    for (const ValueId id : node.inputs) ++readers[static_cast<size_t>(id)];
  std::vector<Node> kept;
  for (Node& node : graph.nodes) {
    const auto* clamp = std::get_if<Activation>(&node.op);
    const auto input = static_cast<size_t>(node.inputs[0]);
    const bool wanted = clamp && std::ranges::count(kinds, clamp->kind) > 0 && readers[input] == 1;
    const int before = wanted && graph.value(node.output).type == ElementType::f32 ? producer[input] : -1;
    ActivationKind* fused = before < 0 ? nullptr : activation_of(kept[static_cast<size_t>(before)].op);
    if (!fused || *fused != ActivationKind::none) {
      producer[static_cast<size_t>(node.output)] = static_cast<int>(kept.size());
      kept.push_back(std::move(node));
      continue;
    }
    *fused = clamp->kind;
    kept[static_cast<size_t>(before)].output = node.output;
    producer[static_cast<size_t>(node.output)] = before;
  }
  graph.nodes = std::move(kept);
}

}  // namespace slimpilot
