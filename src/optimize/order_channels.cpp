// SPDX-License-Identifier: Apache-2.0
// Before: channels of a ReLU layer in the order of training.   After: the same channels, those that are zero least often first.
// Two thirds of such a layer are zero, but seldom four neighbours at once, which is what int8 kernels read together. In this
// order they are, and kernels leave them out (ADR 0017). What reads the channels is reordered along; no result changes but by
// the order of real sums.
#include <algorithm>
#include <numeric>

#include "optimize/channel_readers.h"
#include "optimize/passes.h"

namespace slimpilot {

Graph order_channels(Graph graph, const Calibration& calibration) {
  for (const Node& node : graph.nodes) {
    if (!std::holds_alternative<Conv2D>(node.op) && !std::holds_alternative<Dense>(node.op)) continue;
    const auto readers = channel_readers(graph, node.output);
    if (!readers) continue;
    const std::vector<float>& active = calibration.channel_moments(graph.value(node.output).name).active;
    ChannelIndices order(active.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::stable_sort(order, [&](size_t a, size_t b) { return active[a] > active[b]; });
    select_channels(graph, node, *readers, order);
  }
  return graph;
}

}  // namespace slimpilot
