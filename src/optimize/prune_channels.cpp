// SPDX-License-Identifier: Apache-2.0
// Before: conv 24 → conv 36.   After: conv 18 → conv 27, the same kind of network with fewer filters, dense and faster
// everywhere. Whole filters (units) go that say least to what reads them, E[x²]·Σ w² over the calibration frames (after
// Molchanov et al. 2019, who estimate the same from gradients), and with them the part of each reader's weights that multiplied
// them: by the size of their own weights alone (Li et al. 2017), filters stay that never fire, and a network may be left that
// is dead. A layer whose result is an output of the network, is read by anything but a chain to weights (a product of gates, a
// ConvLSTM), or that shares weights with another keeps all.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "optimize/channel_readers.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

/// Σ w² over the weights that multiply each channel.
std::vector<double> outgoing_energy(const Graph& graph, const ChannelReaders& readers, size_t channels) {
  std::vector<double> energy(channels);
  for (const ChannelReaders::Weight& weight : readers.weights) {
    const Value& value = graph.value(weight.value);
    size_t inner = 1;
    for (size_t d = weight.axis + 1; d < value.shape.size(); ++d) inner *= static_cast<size_t>(value.shape[d]);
    const auto numbers = value.elements<float>();
    for (size_t i = 0; i < numbers.size(); ++i)
      energy[i / inner % static_cast<size_t>(value.shape[weight.axis]) % channels] +=
          static_cast<double>(numbers[i]) * numbers[i];
  }
  return energy;
}

/// The channels as readers hear them: behind an activation that is a node of its own.
const ChannelMoments& heard_moments(const Graph& graph, const Node& node, const ChannelReaders& readers,
                                    const Calibration& calibration) {
  ValueId heard = node.output;
  for (const int between : readers.between)
    if (const Node& next = graph.nodes[static_cast<size_t>(between)]; std::holds_alternative<Activation>(next.op))
      heard = next.output;
  return calibration.channel_moments(graph.value(heard).name);
}

/// The channels that say most to their readers, in order.
ChannelIndices most_heard(const ChannelMoments& moments, const std::vector<double>& outgoing, size_t kept) {
  std::vector<double> heard;
  for (size_t c = 0; c < outgoing.size(); ++c)
    heard.push_back((static_cast<double>(moments.mean[c]) * moments.mean[c] + moments.variance[c]) * outgoing[c]);
  ChannelIndices order(heard.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return heard[a] > heard[b]; });
  order.resize(kept);
  std::sort(order.begin(), order.end());
  return order;
}

}  // namespace

Graph prune_channels(Graph graph, double share, const Calibration& calibration) {
  if (!(share >= 0 && share < 1)) throw Error("prune_channels: a share of " + std::to_string(share) + " is not in 0 … 1");
  for (const Node& node : graph.nodes) {
    if (!std::holds_alternative<Conv2D>(node.op) && !std::holds_alternative<Dense>(node.op)) continue;
    const auto readers = channel_readers(graph, node.output);
    if (!readers) continue;
    const auto filters = static_cast<size_t>(graph.value(node.inputs[1]).shape[0]);
    const auto kept = std::max<size_t>(1, filters - static_cast<size_t>(share * static_cast<double>(filters)));
    const ChannelMoments& moments = heard_moments(graph, node, *readers, calibration);
    select_channels(graph, node, *readers, most_heard(moments, outgoing_energy(graph, *readers, filters), kept));
  }
  for (const Node& node : graph.nodes) graph.value(node.output).shape = infer_shape(graph, node);
  return graph;
}

}  // namespace slimpilot
