// SPDX-License-Identifier: Apache-2.0
#include "optimize/channel_readers.h"

#include <algorithm>

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
                              [&](const LeakyRelu&) { return pass_on(); }, [&](const Pool2D&) { return pass_on(); },
                              [&](const Reshape&) { return keeps_or_flattens(graph, node) && pass_on(); },
                              [](const auto&) { return false; }},
                   node.op);
    if (!known) return false;
  }
  return true;
}

/// Whether nothing else reads the constants of the node that computes the value, of the readers and of what is between.
bool owns_constants(const Graph& graph, ValueId value, const ChannelReaders& readers) {
  const auto alone = [&](ValueId constant) { return consumers_of(graph, constant).size() == 1; };
  const auto owns = [&](int index) {
    const auto& inputs = graph.nodes[static_cast<size_t>(index)].inputs;
    return std::all_of(inputs.begin() + 1, inputs.end(), alone);
  };
  const int producer = producer_of(graph, value);
  return (producer < 0 || owns(producer)) && std::ranges::all_of(readers.between, owns) &&
         std::ranges::all_of(readers.weights, [&](const ChannelReaders::Weight& weight) { return alone(weight.value); });
}

}  // namespace

std::optional<ChannelReaders> channel_readers(const Graph& graph, ValueId value) {
  ChannelReaders found;
  if (!collect(graph, value, found) || found.weights.empty() || !owns_constants(graph, value, found)) return std::nullopt;
  return found;
}

namespace {

/// Of the indices of `axis` those that are kept, in their order.
void keep_indices(Value& value, size_t axis, const ChannelIndices& kept) {
  const auto old_count = static_cast<size_t>(value.shape[axis]);
  size_t inner = element_size(value.type), outer = 1;
  for (size_t d = axis + 1; d < value.shape.size(); ++d) inner *= static_cast<size_t>(value.shape[d]);
  for (size_t d = 0; d < axis; ++d) outer *= static_cast<size_t>(value.shape[d]);
  std::vector<std::byte> data;
  data.reserve(outer * kept.size() * inner);
  for (size_t o = 0; o < outer; ++o)
    for (const size_t k : kept) {
      const auto first = value.data.begin() + static_cast<ptrdiff_t>((o * old_count + k) * inner);
      data.insert(data.end(), first, first + static_cast<ptrdiff_t>(inner));
    }
  value.data = std::move(data);
  value.shape[axis] = static_cast<int>(kept.size());
}

/// `kept` of each run of `count` channels along the dimension.
void keep_channels(Value& value, size_t axis, const ChannelIndices& kept, size_t count) {
  ChannelIndices all;
  for (size_t first = 0; first < static_cast<size_t>(value.shape[axis]); first += count)
    for (const size_t k : kept) all.push_back(first + k);
  keep_indices(value, axis, all);
}

}  // namespace

void select_channels(Graph& graph, const Node& node, const ChannelReaders& readers, const ChannelIndices& kept) {
  const auto count = static_cast<size_t>(graph.value(node.inputs[1]).shape[0]);
  keep_indices(graph.value(node.inputs[1]), 0, kept);
  keep_indices(graph.value(node.inputs[2]), 0, kept);
  for (const auto& [weight, axis] : readers.weights) keep_channels(graph.value(weight), axis, kept, count);
  for (const int index : readers.between) {
    Node& passed = graph.nodes[static_cast<size_t>(index)];
    if (auto* reshape = std::get_if<Reshape>(&passed.op))
      reshape->shape.back() = reshape->shape.back() / static_cast<int>(count) * static_cast<int>(kept.size());
    if (!std::holds_alternative<DepthwiseConv2D>(passed.op)) continue;
    keep_channels(graph.value(passed.inputs[1]), 3, kept, count);
    keep_channels(graph.value(passed.inputs[2]), 0, kept, count);
  }
}

}  // namespace slimpilot
