// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "graph/edit.h"
#include "optimize/pass_test.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

/// A ReLU network whose first layer has one channel a hundred times the others.
Graph unequal(ActivationKind kind) {
  TestNetwork network({1, 10, 12, 3});
  Graph graph = network.conv("conv1", 6, 3, {1, 1, Padding::valid, kind})
                    .conv("conv2", 4, 3, {2, 2, Padding::same, ActivationKind::relu})
                    .flatten()
                    .dense("dense1", 8)
                    .activation("relu", ActivationKind::relu)
                    .dense("dense2", 2)
                    .finish();
  graph.preprocessing = {.scale = {2 / 255.0f, 2 / 255.0f, 2 / 255.0f}, .offset = {-1, -1, -1}};
  const Node& conv = graph.nodes[0];
  for (const int i : {1, 2})
    for (float& x : graph.value(conv.inputs[static_cast<size_t>(i)]).elements<float>().first(i == 1 ? 27 : 1)) x *= 100;
  const auto readers = graph.value(graph.nodes[1].inputs[1]).elements<float>();
  for (size_t i = 0; i < readers.size(); i += 6) readers[i] /= 100;  // so that all channels matter
  return graph;
}

TEST(EqualizeChannels, ChangesNoResultAndHelpsIntegers) {
  const Graph graph = unequal(ActivationKind::relu);
  const auto inputs = random_inputs(graph, 40, -1, 1, 3);
  const Graph equal = equalize_channels(graph, calibrated(graph, inputs));
  EXPECT_NE(equal, graph);
  EXPECT_LT(relative_difference(graph, equal, inputs), 1e-5);
  const auto integers = [&](const Graph& g) { return quantize_integer(g, calibrated(g, inputs), {.integer_io = true}); };
  EXPECT_GT(sqnr_of(graph, integers(equal), inputs), sqnr_of(graph, integers(graph), inputs) + 2);
}

TEST(EqualizeChannels, StopsAtWhatDoesNotCommute) {
  const Graph graph = unequal(ActivationKind::relu6);
  const auto inputs = random_inputs(graph, 10, -1, 1, 3);
  const Graph equal = equalize_channels(graph, calibrated(graph, inputs));
  EXPECT_EQ(equal.value(graph.nodes[0].inputs[1]), graph.value(graph.nodes[0].inputs[1]));
  EXPECT_LT(relative_difference(graph, equal, inputs), 1e-5);
}

}  // namespace
}  // namespace slimpilot
