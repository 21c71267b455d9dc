// SPDX-License-Identifier: Apache-2.0
// Before: conv 24 → conv 36.   After: conv 18 → conv 27, the same kind of network with fewer filters, dense and faster
// everywhere. Whole filters (units) with the least mean magnitude go (Li et al. 2017), and with them the part of each reader's
// weights that multiplied them. A layer whose result is an output of the network, or is read by anything but a chain to weights
// (a product of gates, a ConvLSTM), keeps all.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "optimize/channel_readers.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

using Indices = std::vector<size_t>;

/// The constant without the indices of `axis` that are not `kept`.
void keep_indices(Value& value, size_t axis, const Indices& kept) {
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
void keep_channels(Value& value, size_t axis, const Indices& kept, size_t count) {
  Indices all;
  for (size_t first = 0; first < static_cast<size_t>(value.shape[axis]); first += count)
    for (const size_t k : kept) all.push_back(first + k);
  keep_indices(value, axis, all);
}

void narrow(Graph& graph, const ChannelReaders& readers, const Indices& kept, size_t count) {
  for (const auto& [weight, axis] : readers.weights) keep_channels(graph.value(weight), axis, kept, count);
  for (const int index : readers.between) {
    Node& node = graph.nodes[static_cast<size_t>(index)];
    if (auto* reshape = std::get_if<Reshape>(&node.op))
      reshape->shape.back() = reshape->shape.back() / static_cast<int>(count) * static_cast<int>(kept.size());
    if (!std::holds_alternative<DepthwiseConv2D>(node.op)) continue;
    keep_channels(graph.value(node.inputs[1]), 3, kept, count);
    keep_channels(graph.value(node.inputs[2]), 0, kept, count);
  }
}

/// The filters with the most weight per element, in order.
Indices strongest(const Value& weight, size_t kept) {
  const auto filters = static_cast<size_t>(weight.shape[0]);
  const auto numbers = weight.elements<float>();
  const size_t each = numbers.size() / filters;
  std::vector<double> strength(filters);
  for (size_t i = 0; i < numbers.size(); ++i) strength[i / each] += std::abs(static_cast<double>(numbers[i]));
  Indices order(filters);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return strength[a] > strength[b]; });
  order.resize(kept);
  std::sort(order.begin(), order.end());
  return order;
}

}  // namespace

Graph prune_channels(Graph graph, double share) {
  if (!(share >= 0 && share < 1)) throw Error("prune_channels: a share of " + std::to_string(share) + " is not in 0 … 1");
  for (const Node& node : graph.nodes) {
    if (!std::holds_alternative<Conv2D>(node.op) && !std::holds_alternative<Dense>(node.op)) continue;
    const auto readers = channel_readers(graph, node.output);
    if (!readers) continue;
    Value& weight = graph.value(node.inputs[1]);
    const auto filters = static_cast<size_t>(weight.shape[0]);
    const auto kept = std::max<size_t>(1, filters - static_cast<size_t>(share * static_cast<double>(filters)));
    const Indices indices = strongest(weight, kept);
    keep_indices(weight, 0, indices);
    keep_indices(graph.value(node.inputs[2]), 0, indices);
    narrow(graph, *readers, indices, filters);
  }
  for (const Node& node : graph.nodes) graph.value(node.output).shape = infer_shape(graph, node);
  return graph;
}

}  // namespace slimpilot
