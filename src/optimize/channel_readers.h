// SPDX-License-Identifier: Apache-2.0
// Where the channels of a layer's result go: what passes that drop or scale channels must change along with the layer.
#pragma once

#include <optional>
#include <vector>

#include "graph/graph.h"

namespace slimpilot {

/// The weights that multiply a value's channels, and the ops on the way that leave channels alone.
struct ChannelReaders {
  struct Weight {
    ValueId value;
    size_t axis;  // of the channels; they repeat along it where an image was flattened
  };
  std::vector<Weight> weights;
  std::vector<int> between;  // nodes: Activation, Pool2D, DepthwiseConv2D, Reshape
};

/// Nothing when some reader is anything else, the value is an output of the graph, or layers share the constants that would
/// have to change, as those of a network that is used for several inputs do.
std::optional<ChannelReaders> channel_readers(const Graph& graph, ValueId value);

using ChannelIndices = std::vector<size_t>;

/// Of the result of `node` (a Conv2D or Dense with real weights) only the `chosen` channels remain, in this order: filters,
/// biases, what is between, and the readers' weights. Shapes of results are left to the caller.
void select_channels(Graph& graph, const Node& node, const ChannelReaders& readers, const ChannelIndices& chosen);

}  // namespace slimpilot
