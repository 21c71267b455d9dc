// SPDX-License-Identifier: Apache-2.0
// The passes that save work: which graph they make, and that it computes the same. Quantization is tested in
// quantize_integer_test.cpp.
#include "optimize/passes.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "optimize/pass_test.h"
#include "optimize/recipes.h"

namespace slimpilot {
namespace {

/// Of the largest output: float32 sums of some hundred terms in another order or with other factors.
constexpr double kTolerance = 2e-6;

std::vector<std::string_view> ops_of(const Graph& graph) {
  std::vector<std::string_view> names;
  for (const Node& node : graph.nodes) names.push_back(op_name(node.op));
  return names;
}
using Names = std::vector<std::string_view>;

void expect_same_results(const Graph& before, const Graph& after) {
  EXPECT_NO_THROW(verify(after));
  EXPECT_LT(relative_difference(before, after, random_inputs(before, 8, -1, 1, 5)), kTolerance);
}

const Value& constant_of(const Graph& graph, size_t node, size_t input) { return graph.value(graph.nodes[node].inputs[input]); }

TEST(FoldBatchNorm, BehindConvolution) {
  const Graph before = TestNetwork({1, 6, 7, 3}).conv("conv", 4, 3, {1, 2, Padding::same}).batch_norm("norm").finish();
  const Graph after = fold_batch_norm(before);
  EXPECT_EQ(
      to_text(after),
      "input image:f32[1x6x7x3]\n"
      "norm:f32[1x6x4x4] = Conv2D stride 1x2 same linear (image:f32[1x6x7x3], conv/kernel:f32[4x3x3x3], conv/bias:f32[4])\n"
      "output norm:f32[1x6x4x4]\n");
  expect_same_results(before, after);
}

TEST(FoldBatchNorm, BehindDenseAndDepthwise) {
  const Graph dense = TestNetwork({1, 9}).dense("dense", 5).batch_norm("norm").finish();
  EXPECT_EQ(ops_of(fold_batch_norm(dense)), (Names{"Dense"}));
  expect_same_results(dense, fold_batch_norm(dense));

  TestNetwork network({1, 6, 7, 3});
  const ValueId w = network.constant("depthwise/kernel", {1, 3, 3, 3}, -1, 1),
                b = network.constant("depthwise/bias", {3}, -1, 1);
  const Graph depthwise = network.node("depthwise", DepthwiseConv2D{}, {w, b}).batch_norm("norm").finish();
  EXPECT_EQ(ops_of(fold_batch_norm(depthwise)), (Names{"DepthwiseConv2D"}));
  expect_same_results(depthwise, fold_batch_norm(depthwise));
}

/// y = (2(x − 3)/√(15 + 1) + 5)·7 + 11 = 3.5x + 35.5
TEST(FoldBatchNorm, Formula) {
  Graph graph;
  const ValueId x = add_value(graph, "x", {1, 1});
  graph.inputs = {x};
  const auto one = [&](const char* name, float value) { return add_constant(graph, name, {1}, std::vector<float>{value}); };
  const ValueId norm = append_node(graph, "norm", BatchNorm{.epsilon = 1},
                                   {x, one("gamma", 2), one("beta", 5), one("mean", 3), one("variance", 15)});
  graph.outputs = {
      append_node(graph, "dense", Dense{}, {norm, add_constant(graph, "w", {1, 1}, std::vector<float>{7}), one("b", 11)})};
  const Graph after = fold_batch_norm(graph);
  ASSERT_EQ(ops_of(after), (Names{"Dense"}));
  EXPECT_EQ(constant_as_floats(constant_of(after, 0, 1)), std::vector<float>{3.5f});
  EXPECT_EQ(constant_as_floats(constant_of(after, 0, 2)), std::vector<float>{35.5f});
}

TEST(FoldBatchNorm, LeadingBeforeValidConvolution) {
  const Graph before = TestNetwork({1, 6, 7, 3}).batch_norm("norm").conv("conv", 4, 3).finish();
  const Graph after = fold_batch_norm(before);
  EXPECT_EQ(
      to_text(after),
      "input image:f32[1x6x7x3]\n"
      "conv:f32[1x4x5x4] = Conv2D stride 1x1 valid linear (image:f32[1x6x7x3], conv/kernel:f32[4x3x3x3], conv/bias:f32[4])\n"
      "output conv:f32[1x4x5x4]\n");
  expect_same_results(before, after);
}

/// The padding is zero behind the normalization, so its shift cannot go into the convolution's bias.
TEST(FoldBatchNorm, LeadingBeforeSameConvolutionBecomesDepthwise) {
  const Graph before = TestNetwork({1, 6, 7, 3}).batch_norm("norm").conv("conv", 4, 3, {1, 1, Padding::same}).finish();
  const Graph after = fold_batch_norm(before);
  EXPECT_EQ(
      to_text(after),
      "input image:f32[1x6x7x3]\n"
      "norm:f32[1x6x7x3] = DepthwiseConv2D stride 1x1 valid linear (image:f32[1x6x7x3], norm/scale:f32[1x1x1x3], "
      "norm/shift:f32[3])\n"
      "conv:f32[1x6x7x4] = Conv2D stride 1x1 same linear (norm:f32[1x6x7x3], conv/kernel:f32[4x3x3x3], conv/bias:f32[4])\n"
      "output conv:f32[1x6x7x4]\n");
  expect_same_results(before, after);
}

TEST(FoldBatchNorm, OnSequencesIsThatOfTheirFrames) {
  TestNetwork n({1, 3, 4, 5, 2});
  n.batch_norm("norm").node("frames", Reshape{{3, 4, 5, 2}}).conv("conv", 4, 3, {1, 1, Padding::same});
  const Graph before = n.finish(), after = fold_batch_norm(before);
  EXPECT_EQ(ops_of(after), (Names{"Reshape", "DepthwiseConv2D", "Reshape", "Reshape", "Conv2D"}));
  expect_same_results(before, after);
}

TEST(FoldBatchNorm, OnVectorsBecomesMulAndAdd) {
  const Graph before = TestNetwork({1, 6}).batch_norm("norm").activation("tanh", ActivationKind::tanh).finish();
  const Graph after = fold_batch_norm(before);
  EXPECT_EQ(to_text(after),
            "input image:f32[1x6]\n"
            "norm/scaled:f32[1x6] = Mul (image:f32[1x6], norm/scale:f32[1x6])\n"
            "norm:f32[1x6] = Add (norm/scaled:f32[1x6], norm/shift:f32[1x6])\n"
            "tanh:f32[1x6] = Activation tanh (norm:f32[1x6])\n"
            "output tanh:f32[1x6]\n");
  expect_same_results(before, after);
}

/// A layer whose result somebody else reads, or that has an activation, keeps its weights.
TEST(FoldBatchNorm, LeavesLayersThatOthersReadOrThatAreNotLinear) {
  TestNetwork network({1, 5, 5, 2});
  network.conv("conv", 3, 3, {1, 1, Padding::same});
  const ValueId conv = network.last();
  network.batch_norm("norm");
  network.node("sum", Add{}, {conv});
  const Graph shared = network.finish();
  EXPECT_EQ(ops_of(fold_batch_norm(shared)), (Names{"Conv2D", "DepthwiseConv2D", "Add"}));
  expect_same_results(shared, fold_batch_norm(shared));

  const Graph curved =
      TestNetwork({1, 5, 5, 2}).conv("conv", 3, 3, {.activation = ActivationKind::relu}).batch_norm("norm").finish();
  EXPECT_EQ(ops_of(fold_batch_norm(curved)), (Names{"Conv2D", "DepthwiseConv2D"}));
  expect_same_results(curved, fold_batch_norm(curved));
}

TEST(FoldBatchNorm, DoesNotTouchWeightsOfOtherLayers) {
  TestNetwork network({1, 5, 5, 3});
  const ValueId w = network.constant("shared/kernel", {3, 1, 1, 3}, -1, 1), b = network.constant("shared/bias", {3}, -1, 1);
  const Graph before = network.node("first", Conv2D{}, {w, b})
                           .batch_norm("norm")
                           .activation("tanh", ActivationKind::tanh)
                           .node("second", Conv2D{}, {w, b})
                           .finish();
  const Graph after = fold_batch_norm(before);
  EXPECT_EQ(ops_of(after), (Names{"Conv2D", "Activation", "Conv2D"}));
  expect_same_results(before, after);
}

TEST(FoldHardSigmoid, IntoTheLayerBeforeIt) {
  const Graph before = TestNetwork({1, 5, 5, 2}).conv("conv", 3, 3).activation("gate", ActivationKind::hard_sigmoid).finish();
  const Graph after = fold_hard_sigmoid(before);
  EXPECT_EQ(
      to_text(after),
      "input image:f32[1x5x5x2]\n"
      "conv:f32[1x3x3x3] = Conv2D stride 1x1 valid linear (image:f32[1x5x5x2], conv/kernel:f32[3x3x3x2], conv/bias:f32[3])\n"
      "gate:f32[1x3x3x3] = Activation relu_0_to_1 (conv:f32[1x3x3x3])\n"
      "output gate:f32[1x3x3x3]\n");
  expect_same_results(before, after);
}

TEST(FoldHardSigmoid, ElsewhereMulAndAdd) {
  const Graph before = TestNetwork({1, 6})
                           .activation("gate", ActivationKind::hard_sigmoid)
                           .activation("again", ActivationKind::hard_sigmoid)
                           .finish();
  const Graph after = fold_hard_sigmoid(before);
  EXPECT_EQ(ops_of(after), (Names{"Mul", "Add", "Activation", "Mul", "Add", "Activation"}));
  expect_same_results(before, after);
}

TEST(FuseActivation, OnlyClamps) {
  const Graph before = TestNetwork({1, 8, 8, 2})
                           .conv("conv", 3, 3)
                           .activation("relu", ActivationKind::relu)
                           .conv("conv2", 3, 3)
                           .activation("tanh", ActivationKind::tanh)
                           .flatten()
                           .dense("dense", 4)
                           .activation("relu6", ActivationKind::relu6)
                           .finish();
  const Graph after = fuse_activation(before);
  EXPECT_EQ(
      to_text(after),
      "input image:f32[1x8x8x2]\n"
      "relu:f32[1x6x6x3] = Conv2D stride 1x1 valid relu (image:f32[1x8x8x2], conv/kernel:f32[3x3x3x2], conv/bias:f32[3])\n"
      "conv2:f32[1x4x4x3] = Conv2D stride 1x1 valid linear (relu:f32[1x6x6x3], conv2/kernel:f32[3x3x3x3], conv2/bias:f32[3])\n"
      "tanh:f32[1x4x4x3] = Activation tanh (conv2:f32[1x4x4x3])\n"
      "flatten:f32[1x48] = Reshape (tanh:f32[1x4x4x3])\n"
      "relu6:f32[1x4] = Dense relu6 (flatten:f32[1x48], dense/kernel:f32[4x48], dense/bias:f32[4])\n"
      "output relu6:f32[1x4]\n");
  EXPECT_EQ(relative_difference(before, after, random_inputs(before, 4, -1, 1, 2)), 0);
  EXPECT_EQ(fuse_activation(after), after);
}

TEST(FuseActivation, NotWhenOthersReadTheLayer) {
  TestNetwork network({1, 6});
  network.dense("dense", 4);
  const ValueId dense = network.last();
  const Graph before = network.activation("relu", ActivationKind::relu).node("sum", Add{}, {dense}).finish();
  EXPECT_EQ(fuse_activation(before), before);
}

TEST(FuseActivation, ASecondClampStays) {
  const Graph before = TestNetwork({1, 6})
                           .dense("dense", 4)
                           .activation("a", ActivationKind::relu)
                           .activation("b", ActivationKind::relu_n1_to_1)
                           .finish();
  const Graph after = fuse_activation(before);
  EXPECT_EQ(ops_of(after), (Names{"Dense", "Activation"}));
  EXPECT_EQ(relative_difference(before, after, random_inputs(before, 4, -1, 1, 2)), 0);
}

Graph lstm_network(int steps, ConvLstm2D op) {
  TestNetwork network({1, steps, 6, 7, 2});
  network.conv_lstm("lstm", 3, 3, op);
  return network.node("flatten", Reshape{{1, static_cast<int>(element_count(network.shape()))}}).dense("dense", 2).finish();
}

TEST(RemoveDead, OneStepIsThreeConvolutions) {
  const Graph before = lstm_network(1, {}), after = remove_dead(before);
  EXPECT_EQ(ops_of(after), (Names{"Reshape", "Conv2D", "Activation", "Conv2D", "Activation", "Conv2D", "Activation", "Mul",
                                  "Activation", "Mul", "Reshape", "Dense"}));
  for (const Value& value : after.values) EXPECT_EQ(value.name.find("recurrent"), std::string::npos) << value.name;
  expect_same_results(before, after);
}

TEST(RemoveDead, OneStepOfEverySort) {
  for (const bool sequences : {false, true})
    for (const ActivationKind activation : {ActivationKind::tanh, ActivationKind::none, ActivationKind::relu})
      for (const ActivationKind gate : {ActivationKind::hard_sigmoid, ActivationKind::sigmoid})
        for (const Padding padding : {Padding::same, Padding::valid}) {
          const Graph before = lstm_network(1, {2, 1, padding, activation, gate, sequences});
          const Graph after = remove_dead(before);
          EXPECT_EQ(after.outputs.size(), 1u);
          for (const Node& node : after.nodes) EXPECT_FALSE(std::holds_alternative<ConvLstm2D>(node.op));
          expect_same_results(before, after);
          expect_same_results(before, simplify(before));
        }
}

TEST(RemoveDead, OneStepOfAnLstmIsThreeDenseLayers) {
  for (const bool sequences : {false, true}) {
    TestNetwork network({1, 1, 7});
    network.lstm("lstm", 5, {.return_sequences = sequences}).node("row", Reshape{{1, 5}});
    const Graph before = network.dense("dense", 2).finish(), after = remove_dead(before);
    const Names ops = ops_of(after);
    EXPECT_EQ(std::count(ops.begin(), ops.end(), "Dense"), 4);
    EXPECT_EQ(std::count(ops.begin(), ops.end(), "Lstm"), 0);
    expect_same_results(before, after);
  }
}

TEST(UnrollLstm, ComputesTheSame) {
  for (const bool sequences : {false, true})
    for (const ActivationKind activation : {ActivationKind::tanh, ActivationKind::none, ActivationKind::relu})
      for (const ActivationKind gate : {ActivationKind::hard_sigmoid, ActivationKind::sigmoid}) {
        TestNetwork network({1, 3, 7});
        network.lstm("a", 5, {activation, gate, true}).lstm("b", 4, {activation, gate, sequences});
        network.node("row", Reshape{{1, static_cast<int>(element_count(network.shape()))}});
        const Graph before = network.dense("dense", 2).finish(), after = unroll_lstm(before);
        const Names ops = ops_of(after);
        EXPECT_EQ(std::count(ops.begin(), ops.end(), "Lstm"), 0);
        EXPECT_EQ(std::count(ops.begin(), ops.end(), "Dense"), 1 + 2 * 3);
        expect_same_results(before, after);
      }
}

/// Integer gates are real, so they yield the same integers.
TEST(UnrollLstm, OfEveryTechnique) {
  TestNetwork network({1, 3, 40});
  network.lstm("a", 8, {.return_sequences = true}).lstm("b", 8, {});
  const Graph graph = network.dense("dense", 2).finish();
  const auto inputs = random_inputs(graph, 8, -1, 1, 5);
  for (const auto& [name, summary, steps] : find_techniques(standard_techniques(), {std::string(kPostTraining)})) {
    SCOPED_TRACE(name);
    const Graph before = technique(name, graph, inputs), after = unroll_lstm(before);
    EXPECT_EQ(after.value(after.outputs[0]).type, before.value(before.outputs[0]).type);
    EXPECT_LT(relative_difference(before, after, inputs), kTolerance);
  }
}

TEST(UnrollLstm, LeavesWhatKeepsState) {
  TestNetwork network({1, 3, 7});
  network.lstm("a", 5, {.stateful = true});
  const Graph before = network.dense("dense", 2).finish();
  EXPECT_EQ(unroll_lstm(before), before);
}

/// The sequence of the first feeds the second; the reshapes between them vanish.
TEST(RemoveDead, StackedSteps) {
  const Graph before =
      TestNetwork({1, 1, 6, 7, 2}).conv_lstm("a", 3, 3, {.return_sequences = true}).conv_lstm("b", 2, 3).finish();
  const Graph after = remove_dead(before);
  const Names ops = ops_of(after);
  EXPECT_EQ(std::count(ops.begin(), ops.end(), "Reshape"), 1);
  expect_same_results(before, after);
}

TEST(RemoveDead, LeavesTwoSteps) {
  for (const bool sequences : {false, true}) {
    const Graph before = lstm_network(2, {.return_sequences = sequences});
    EXPECT_EQ(remove_dead(before), before);
  }
}

TEST(RemoveDead, LeavesAStepThatRemembers) {
  const Graph before = lstm_network(1, {.stateful = true});
  EXPECT_EQ(remove_dead(before), before);
}

TEST(RemoveDead, ReshapesOfReshapes) {
  const Graph before = TestNetwork({1, 12})
                           .node("a", Reshape{{1, 2, 6}})
                           .node("b", Reshape{{1, 3, 4}})
                           .node("c", Reshape{{1, 12}})
                           .dense("dense", 3)
                           .finish();
  EXPECT_EQ(ops_of(remove_dead(before)), (Names{"Dense"}));
  expect_same_results(before, remove_dead(before));
}

TEST(Simplify, IsAFixedPoint) {
  const Graph before = TestNetwork({1, 9, 9, 2})
                           .batch_norm("norm")
                           .conv("conv", 3, 3, {1, 1, Padding::same})
                           .activation("relu", ActivationKind::relu)
                           .conv("conv2", 4, 3)
                           .activation("gate", ActivationKind::hard_sigmoid)
                           .finish();
  const Graph after = simplify(before);
  EXPECT_EQ(simplify(after), after);
  EXPECT_EQ(ops_of(after), (Names{"DepthwiseConv2D", "Conv2D", "Conv2D"}));
  expect_same_results(before, after);
}

}  // namespace
}  // namespace slimpilot
