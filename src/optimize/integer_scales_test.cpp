// SPDX-License-Identifier: Apache-2.0
// Which scale each activation gets, op by op.
#include "optimize/integer_scales.h"

#include <gtest/gtest.h>

#include "optimize/pass_test.h"

namespace slimpilot {
namespace {

using Ranges = std::map<std::string, ValueRange>;

/// Every value of the graph in [low, high].
std::map<std::string, Quantization> scales_of(const Graph& graph, ValueRange range, ElementType type = ElementType::s8) {
  Ranges ranges;
  for (const Value& value : graph.values) ranges[value.name] = range;
  const auto scales = integer_scales(graph, ranges, type);
  std::map<std::string, Quantization> by_name;
  for (size_t i = 0; i < scales.size(); ++i) by_name[graph.values[i].name] = scales[i];
  return by_name;
}

Quantization of(ValueRange range, ElementType type = ElementType::s8) { return quantization_of_range(range, type); }

TEST(QuantizationOfRange, CoversTheRangeAndZero) {
  Random random(2);
  for (int trial = 0; trial < 10000; ++trial) {
    const auto a = static_cast<float>(random.uniform(-10, 10)), b = static_cast<float>(random.uniform(-10, 10));
    const ValueRange range{std::min(a, b), std::max(a, b)};
    const Quantization q = of(range);
    const double scale = q.scale[0], slack = 1e-4 * scale;
    ASSERT_GE(q.zero_point[0], -128);
    ASSERT_LE(q.zero_point[0], 127);
    ASSERT_LE(scale * (-128 - q.zero_point[0]), std::min(0.0f, range.low) + slack);
    ASSERT_GE(scale * (127 - q.zero_point[0]), std::max(0.0f, range.high) - slack);
    const double extent = std::max(0.0f, range.high) - std::min(0.0f, range.low);
    ASSERT_LE(scale, extent / 255 * 1.01);
  }
}

/// 256 grey levels scaled to −½…½ must not all lie between two integers.
TEST(QuantizationOfRange, OfGreyLevelsIsNotOnTies) {
  const Quantization q = of({-.5f, .5f});
  int near_ties = 0;
  for (int grey = 0; grey < 256; ++grey) {
    const double integer = (grey / 255.0 - .5) / static_cast<double>(q.scale[0]);
    near_ties += std::abs(std::abs(integer - std::trunc(integer)) - .5) < .01;
  }
  EXPECT_LT(near_ties, 16);
}

TEST(QuantizationOfRange, KnownOnes) {
  EXPECT_EQ(of({0, 255}), (Quantization{{1}, {-128}, -1}));
  EXPECT_EQ(of({-255, 0}), (Quantization{{1}, {127}, -1}));
  EXPECT_EQ(of({-128, 127}), (Quantization{{1}, {0}, -1}));
  EXPECT_EQ(of({3, 255}), of({0, 255})) << "widened to hold zero";
  EXPECT_EQ(of({0, 0}), (Quantization{{1}, {0}, -1}));
  EXPECT_EQ(of({-1, 32767}, ElementType::s16), (Quantization{{1}, {0}, -1}));
  EXPECT_EQ(of({-65534, 5}, ElementType::s16), (Quantization{{2}, {0}, -1}));
}

TEST(IntegerScales, MovingOpsKeepTheirInputs) {
  const Graph graph = TestNetwork({1, 8, 8, 2})
                          .node("pool", Pool2D{})
                          .node("crop", Crop2D{1, 0, 0, 0})
                          .node("pad", Pad2D{0, 1, 1, 0})
                          .flatten()
                          .finish();
  Ranges ranges{{"image", {-1, 3}}};
  for (const char* name : {"pool", "crop", "pad", "flatten"}) ranges[name] = {-.1f, .2f};
  for (const Quantization& q : integer_scales(graph, ranges, ElementType::s8)) EXPECT_EQ(q, of({-1, 3}));
}

TEST(IntegerScales, FixedOnes) {
  const Graph graph = TestNetwork({1, 6})
                          .dense("a", 4)
                          .activation("tanh", ActivationKind::tanh)
                          .dense("b", 4)
                          .activation("sigmoid", ActivationKind::sigmoid)
                          .dense("c", 4)
                          .activation("gate", ActivationKind::relu_0_to_1)
                          .finish();
  const auto s8 = scales_of(graph, {-30, 30}), s16 = scales_of(graph, {-30, 30}, ElementType::s16);
  EXPECT_EQ(s8.at("tanh"), of({-30, 30}));  // as observed
  EXPECT_EQ(s8.at("sigmoid"), (Quantization{{1.0f / 256}, {-128}, -1}));
  EXPECT_EQ(s8.at("gate"), (Quantization{{1.0f / 256}, {-128}, -1}));
  for (const char* name : {"tanh", "sigmoid", "gate"}) EXPECT_EQ(s16.at(name), (Quantization{{1.0f / 32768}, {0}, -1}));
}

TEST(IntegerScales, AreCutWhereReadersSaturate) {
  const auto before = [](ActivationKind kind, ValueRange range, ElementType type = ElementType::s8) {
    return scales_of(TestNetwork({1, 6}).dense("dense", 4).activation("reader", kind).finish(), range, type).at("dense");
  };
  EXPECT_EQ(before(ActivationKind::tanh, {-63, 112}), of({-4, 4}));
  EXPECT_EQ(before(ActivationKind::tanh, {-1, 112}), of({-1, 4}));
  EXPECT_EQ(before(ActivationKind::tanh, {-63, 112}, ElementType::s16), of({-10, 10}, ElementType::s16));
  EXPECT_EQ(before(ActivationKind::sigmoid, {-63, 112}), of({-8, 8}));
  EXPECT_EQ(before(ActivationKind::hard_sigmoid, {-63, 112}), of({-2.5f, 2.5f}));
  EXPECT_EQ(before(ActivationKind::relu, {-63, 12}), of({0, 12}));
  EXPECT_EQ(before(ActivationKind::relu6, {-63, 12}), of({0, 6}));
  EXPECT_EQ(before(ActivationKind::relu_n1_to_1, {-63, 12}), of({-1, 1}));
  EXPECT_EQ(before(ActivationKind::tanh, {-1, 1}), of({-1, 1})) << "never widened";
  const Quantization elu = before(ActivationKind::elu, {-63, 2});
  EXPECT_NEAR(elu.scale[0] * 255, 2 - std::log(3.0 / 255 / 2), .1);
}

/// A second reader that is no activation needs all of it; so does whoever reads the network's outputs.
TEST(IntegerScales, AreNotCutForOtherReaders) {
  TestNetwork network({1, 6});
  network.dense("dense", 4);
  const ValueId dense = network.last();
  network.activation("tanh", ActivationKind::tanh).node("sum", Add{}, {dense});
  const Graph shared = network.finish();
  EXPECT_EQ(scales_of(shared, {-63, 112}).at("dense"), of({-63, 112}));

  TestNetwork ends({1, 6});
  const ValueId result = ends.dense("dense", 4).last();
  Graph graph = ends.activation("tanh", ActivationKind::tanh).finish();
  graph.outputs = {graph.outputs[0], result};
  EXPECT_EQ(scales_of(graph, {-63, 112}).at("dense"), of({-63, 112}));
}

TEST(IntegerScales, TwoActivationsShareTheWiderCut) {
  TestNetwork network({1, 6});
  const ValueId dense = network.dense("dense", 4).last();
  const ValueId sigmoid = append_node(network.graph(), "sigmoid", Activation{ActivationKind::sigmoid}, {dense});
  const Graph graph = network.activation("tanh", ActivationKind::tanh).node("product", Mul{}, {sigmoid}).finish();
  EXPECT_EQ(scales_of(graph, {-63, 112}).at("dense"), of({-8, 8}));
}

}  // namespace
}  // namespace slimpilot
