// SPDX-License-Identifier: Apache-2.0
// Ranges from known data and of a network whose values are known.
#include "optimize/calibrate.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "optimize/pass_test.h"

namespace slimpilot {
namespace {

/// image → dense (y = [x0 + x1, −2·x0]) → relu
Graph known_graph() {
  Graph graph;
  const ValueId x = add_value(graph, "x", {1, 2});
  graph.inputs = {x};
  const ValueId w = add_constant(graph, "w", {2, 2}, std::vector<float>{1, 1, -2, 0}),
                b = add_constant(graph, "b", {2}, std::vector<float>{0, 0});
  graph.outputs = {append_node(graph, "relu", Activation{}, {append_node(graph, "dense", Dense{}, {x, w, b})})};
  return graph;
}

TEST(Calibration, SeesEveryValueOfAKnownGraph) {
  const Calibration calibration = calibrated(known_graph(), {{1, 2}, {-3, 1}, {2, -4}}, {.method = CalibrationMethod::minmax});
  const auto expect_range = [&](const char* name, float low, float high) {
    EXPECT_EQ(calibration.range(name).low, low) << name;
    EXPECT_EQ(calibration.range(name).high, high) << name;
    EXPECT_EQ(calibration.observed(name).low, low) << name;
    EXPECT_EQ(calibration.observed(name).high, high) << name;
  };
  expect_range("x", -4, 2);
  expect_range("dense", -4, 6);
  expect_range("relu", 0, 6);
  ASSERT_EQ(calibration.output_ranges().size(), 2u);
  EXPECT_EQ(calibration.output_ranges()[0].low, 0);
  EXPECT_EQ(calibration.output_ranges()[0].high, 3);
  EXPECT_EQ(calibration.output_ranges()[1].low, 0);
  EXPECT_EQ(calibration.output_ranges()[1].high, 6);
  const ChannelMoments& moments = calibration.channel_moments("x");
  EXPECT_FLOAT_EQ(moments.mean[0], 0);
  EXPECT_FLOAT_EQ(moments.mean[1], -1.0f / 3);
  EXPECT_FLOAT_EQ(moments.variance[0], 14.0f / 3);
  EXPECT_FLOAT_EQ(moments.variance[1], 7 - 1.0f / 9);
  EXPECT_EQ(calibration.covariance("dense"), nullptr) << "three samples are too few for two inputs";
}

TEST(Calibration, MomentsAreOfChannels) {
  const Graph graph = TestNetwork({1, 3, 2, 2}).activation("relu", ActivationKind::relu).finish();
  const Calibration calibration = calibrated(graph, {{1, 10, 1, 20, 1, 30, 1, 10, 1, 20, 1, 30}});
  EXPECT_EQ(calibration.channel_moments("relu").mean, (std::vector<float>{1, 20}));
  EXPECT_FLOAT_EQ(calibration.channel_moments("relu").variance[0], 0);
  EXPECT_NEAR(calibration.channel_moments("relu").variance[1], 200.0 / 3, 1e-4);
  EXPECT_EQ(calibration.channel_moments("relu").active[0], 1);
}

/// The second pass, which counts, must see what the first one saw: the least number is then in the first bin.
TEST(Calibration, BothPassesBeginWithoutState) {
  const Graph graph =
      TestNetwork({1, 4, 1, 3}).node("rows", Reshape{{1, 1, 12}}).lstm("memory", 5, {.stateful = true}).finish();
  const std::vector<float> frame(12, 1);
  const Calibration calibration =
      calibrated(graph, {frame, frame, frame}, {.method = CalibrationMethod::percentile, .percentile = 100});
  EXPECT_EQ(calibration.range("memory").low, calibration.observed("memory").low);
  EXPECT_NEAR(calibration.range("memory").high, calibration.observed("memory").high, 1e-5);
}

/// An integer layer writes every step with its result's scale, whichever of them it returns.
TEST(Calibration, SeesEveryStepOfRecurrentLayers) {
  const auto ranges = [](bool all) {
    TestNetwork network({1, 5, 4, 3});
    network.node("images", Reshape{{1, 5, 2, 2, 3}}).conv_lstm("images", 2, 3, {.return_sequences = true});
    network.node("rows", Reshape{{1, 5, 8}}).lstm("memory", 5, {.return_sequences = all});
    // What comes first is what excites the network.
    std::vector<float> frame(60, 0);
    for (size_t i = 0; i < 12; ++i) frame[i] = 5;
    const Calibration calibration = calibrated(network.finish(), {frame});
    return std::pair(calibration.range("memory"), calibration.observed("memory"));
  };
  const auto [last, last_observed] = ranges(false);
  const auto [all, all_observed] = ranges(true);
  EXPECT_EQ(last, all);
  EXPECT_EQ(last_observed, all_observed);
}

TEST(Calibration, EveryMethodOfAConstantZero) {
  for (const auto method :
       {CalibrationMethod::minmax, CalibrationMethod::percentile, CalibrationMethod::mse, CalibrationMethod::entropy}) {
    const Calibration calibration = calibrated(known_graph(), {{0, 0}}, {.method = method});
    EXPECT_EQ(calibration.range("relu").low, 0);
    EXPECT_EQ(calibration.range("relu").high, 0);
  }
}

TEST(Calibration, RefusesNumbersThatAreNotFinite) {
  const auto with_weights = [](float first, float second) {
    Graph graph = known_graph();
    const auto w = graph.value(graph.nodes[0].inputs[1]).elements<float>();
    w[0] = first, w[1] = second;
    return graph;
  };
  EXPECT_THROW(calibrated(with_weights(3e38f, 3e38f), {{10, 10}}), Error) << "infinity";
  EXPECT_THROW(calibrated(with_weights(3e38f, -3e38f), {{10, 10}}), Error) << "infinity less a finite number";
}

}  // namespace
}  // namespace slimpilot
