// SPDX-License-Identifier: Apache-2.0
#include "optimize/channel_readers.h"

#include <gtest/gtest.h>

#include "optimize/pass_test.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

/// Two halves of an image go through two convolutions, each with weights of its own or those of the other half; their sum is
/// the result.
Graph siamese_network(bool first_shared, bool second_shared) {
  TestNetwork network({1, 6, 8, 3});
  Graph& graph = network.graph();
  const ValueId image = network.last();
  const auto weights = [&](const std::string& name, int channels) {
    const ValueId w = network.constant(name + "/kernel", {8, 3, 3, channels}, -.4, .4);
    return std::vector<ValueId>{kNoValue, w, network.constant(name + "/bias", {8}, -.2, .2)};
  };
  std::vector<ValueId> first, second, halves;
  for (const int side : {0, 1}) {
    const std::string half = side == 0 ? "left" : "right";
    if (side == 0 || !first_shared) first = weights(half + "/first", 3);
    if (side == 0 || !second_shared) second = weights(half + "/second", 8);
    first[0] = append_node(graph, half, Crop2D{.left = 4 * side, .right = 4 - 4 * side}, {image});
    second[0] = append_node(graph, half + "/first", Conv2D{1, 1, Padding::same, ActivationKind::relu}, first);
    halves.push_back(append_node(graph, half + "/second", Conv2D{1, 1, Padding::same}, second));
  }
  graph.outputs = {append_node(graph, "sum", Add{}, halves)};
  verify(graph);
  return graph;
}

TEST(ChannelReaders, AreNoneWhereWeightsAreShared) {
  for (const bool first : {false, true})
    for (const bool second : {false, true}) {
      const Graph graph = siamese_network(first, second);
      const auto inputs = random_inputs(graph, 4, -1, 1, 3);
      const Calibration calibration = calibrated(graph, inputs);
      for (const Node& node : graph.nodes)
        if (node.name.ends_with("/first")) {
          EXPECT_EQ(channel_readers(graph, node.output).has_value(), !first && !second);
        }
      EXPECT_LT(relative_difference(graph, order_channels(graph, calibration), inputs), 1e-5) << first << second;
      EXPECT_LT(relative_difference(graph, equalize_channels(graph, calibration), inputs), 1e-5) << first << second;
      EXPECT_NO_THROW(verify(prune_channels(graph, .25, calibration))) << first << second;
    }
}

}  // namespace
}  // namespace slimpilot
