// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "optimize/pass_test.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

TEST(OrderChannels, PutsThoseThatAreSeldomZeroFirst) {
  TestNetwork network({1, 10, 12, 3});
  const Graph graph = network.conv("conv1", 9, 3, {1, 1, Padding::valid, ActivationKind::relu})
                          .conv("conv2", 7, 3, {2, 2, Padding::same, ActivationKind::relu})
                          .flatten()
                          .dense("dense1", 8)
                          .activation("relu", ActivationKind::relu)
                          .dense("dense2", 2)
                          .finish();
  const auto inputs = random_inputs(graph, 40, -1, 1, 3);
  const Graph ordered = order_channels(graph, calibrated(graph, inputs));
  EXPECT_NE(ordered, graph);
  EXPECT_LT(relative_difference(graph, ordered, inputs), 1e-5);
  const Calibration calibration = calibrated(ordered, inputs);
  for (const char* name : {"conv1", "conv2"}) {
    const std::vector<float>& active = calibration.channel_moments(name).active;
    EXPECT_TRUE(std::is_sorted(active.rbegin(), active.rend())) << name;
    EXPECT_LT(active.back(), active.front()) << name;
  }
}

}  // namespace
}  // namespace slimpilot
