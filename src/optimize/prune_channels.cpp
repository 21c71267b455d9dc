// SPDX-License-Identifier: Apache-2.0
// Before: conv 24 → conv 36.   After: conv 18 → conv 27, the same kind of network with fewer filters, dense and faster
// everywhere. Whole filters (units) with the least mean magnitude go (Li et al. 2017), and with them the part of each reader's
// weights that multiplied them. A layer whose result is an output of the network, is read by anything but a chain to weights
// (a product of gates, a ConvLSTM), or that shares weights with another keeps all.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "optimize/channel_readers.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

/// The filters with the most weight per element, in order.
ChannelIndices strongest(const Value& weight, size_t kept) {
  const auto filters = static_cast<size_t>(weight.shape[0]);
  const auto numbers = weight.elements<float>();
  const size_t each = numbers.size() / filters;
  std::vector<double> strength(filters);
  for (size_t i = 0; i < numbers.size(); ++i) strength[i / each] += std::abs(static_cast<double>(numbers[i]));
  ChannelIndices order(filters);
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
    const Value& weight = graph.value(node.inputs[1]);
    const auto filters = static_cast<size_t>(weight.shape[0]);
    const auto kept = std::max<size_t>(1, filters - static_cast<size_t>(share * static_cast<double>(filters)));
    select_channels(graph, node, *readers, strongest(weight, kept));
  }
  for (const Node& node : graph.nodes) graph.value(node.output).shape = infer_shape(graph, node);
  return graph;
}

}  // namespace slimpilot
