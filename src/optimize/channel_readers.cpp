// SPDX-License-Identifier: Apache-2.0
#include "optimize/channel_readers.h"

#include "graph/edit.h"

namespace slimpilot {
namespace {

/// The result's last dimension is the channels again, or all there is.
bool keeps_or_flattens(const Graph& graph, const Node& reshape) {
  const Shape &from = graph.value(reshape.inputs[0]).shape, &to = graph.value(reshape.output).shape;
  return to.back() == from.back() || to.back() == element_count(from);
}

bool collect(const Graph& graph, ValueId value, ChannelReaders& found) {
  if (is_output(graph, value)) return false;
  for (const int index : consumers_of(graph, value)) {
    const Node& node = graph.nodes[static_cast<size_t>(index)];
    if (node.inputs[0] != value) return false;
    const auto pass_on = [&] {
      found.between.push_back(index);
      return collect(graph, node.output, found);
    };
    const auto weight = [&](size_t axis) {
      found.weights.push_back({node.inputs[1], axis});
      return true;
    };
    const bool known =
        std::visit(Overloaded{[&](const Conv2D&) { return weight(3); }, [&](const Dense&) { return weight(1); },
                              [&](const DepthwiseConv2D&) { return pass_on(); }, [&](const Activation&) { return pass_on(); },
                              [&](const Pool2D&) { return pass_on(); },
                              [&](const Reshape&) { return keeps_or_flattens(graph, node) && pass_on(); },
                              [](const auto&) { return false; }},
                   node.op);
    if (!known) return false;
  }
  return true;
}

}  // namespace

std::optional<ChannelReaders> channel_readers(const Graph& graph, ValueId value) {
  ChannelReaders found;
  if (!collect(graph, value, found) || found.weights.empty()) return std::nullopt;
  return found;
}

}  // namespace slimpilot
