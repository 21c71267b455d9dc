// SPDX-License-Identifier: Apache-2.0
// The graph in libtorch against the reference engine, op by op and for the networks.
#include "training/libtorch/torch_graph.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "graph/networks.h"
#include "optimize/pass_test.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

std::vector<int64_t> batch_shape(const Graph& graph, size_t count) {
  const Shape& shape = graph.value(graph.inputs[0]).shape;
  std::vector<int64_t> sizes(shape.begin(), shape.end());
  sizes[0] = static_cast<int64_t>(count);
  return sizes;
}

at::Tensor batch_of(const Graph& graph, const std::vector<std::vector<float>>& inputs) {
  at::Tensor images = at::empty(batch_shape(graph, inputs.size()), at::kFloat);
  float* next = images.data_ptr<float>();
  for (const auto& input : inputs) next = std::copy(input.begin(), input.end(), next);
  return images;
}

/// Largest difference from the reference kernels, as a part of the largest output.
double difference_from_engine(const Graph& graph, const std::vector<std::vector<float>>& inputs) {
  const at::NoGradGuard no_gradients;
  const at::Tensor outputs = TorchGraph(graph).forward(batch_of(graph, inputs)).contiguous();
  const float* torch = outputs.data_ptr<float>();
  const Plan plan(graph, {.isa = Isa::reference});
  double difference = 0, largest = 0;
  for (const auto& input : inputs)
    for (const float expected : outputs_of(plan, input)) {
      difference = std::max(difference, static_cast<double>(std::abs(*torch++ - expected)));
      largest = std::max(largest, static_cast<double>(std::abs(expected)));
    }
  return difference / largest;
}

/// Every op that can be trained, each with awkward attributes.
Graph every_op() {
  TestNetwork n({1, 23, 30, 3});
  n.batch_norm("first");
  n.conv("same", 6, 5, {.stride_h = 2, .stride_w = 2, .padding = Padding::same, .activation = ActivationKind::relu6});
  n.activation("elu", ActivationKind::elu);
  n.node("max", Pool2D{.window_h = 3, .window_w = 2, .stride_h = 1, .stride_w = 1, .padding = Padding::same});
  n.node("average", Pool2D{PoolKind::average, 2, 3, 1, 2, Padding::same});
  n.node("depthwise", DepthwiseConv2D{1, 1, Padding::same, ActivationKind::relu_n1_to_1},
         {n.constant("dw", {1, 3, 3, 6}, -.5, .5), n.constant("db", {6}, -.1, .1)});
  n.node("pad", Pad2D{1, 0, 2, 3}).node("crop", Crop2D{0, 1, 2, 0});
  const ValueId skip = n.last();
  n.activation("gate", ActivationKind::hard_sigmoid).node("product", Mul{}, {skip});
  n.node("scaled", Mul{}, {n.constant("two", {1}, 2, 2.1)}).node("sum", Add{}, {n.constant("half", {1}, .5, .6)});
  const Shape image = n.shape();
  n.node("sequence", Reshape{{1, 3, image[1] / 3, image[2], image[3]}});
  n.conv_lstm("lstm1", 4, 3, {.return_sequences = true});
  n.conv_lstm("lstm2", 5, 3, {.stride_w = 2, .padding = Padding::valid, .recurrent_activation = ActivationKind::sigmoid});
  n.node("rows", Reshape{{1, n.shape()[1], n.shape()[2] * n.shape()[3]}}).lstm("lstm3", 3, {.return_sequences = true});
  n.lstm("lstm4", 2, {.activation = ActivationKind::relu});
  n.flatten().dense("dense", 7).activation("tanh", ActivationKind::tanh);
  n.batch_norm("last").dense("out", 2).activation("sigmoid", ActivationKind::sigmoid);
  return n.finish();
}

TEST(TorchGraph, EveryOpIsTheEngines) {
  const Graph graph = every_op();
  EXPECT_LT(difference_from_engine(graph, random_inputs(graph, 5, -1, 1, 2)), 1e-5);
}

/// Frames of a sequence in the batch, which training multiplies by its own.
TEST(TorchGraph, BranchesOfSequencesAreTheEngines) {
  TestNetwork n({1, 4, 8, 9, 2});
  n.node("frames", Reshape{{4, 8, 9, 2}}).conv("conv", 3, 3).node("leaky", LeakyRelu{.2f});
  const ValueId branch = n.last();
  n.node("scaled", Mul{}, {n.constant("per_channel", {3}, .5, 2)}).node("joined", Concat{3}, {branch});
  n.node("turned", Permute{{0, 3, 1, 2}}).node("shares", Softmax{});
  n.node("row", Reshape{{1, static_cast<int>(element_count(n.shape()))}}).dense("out", 2);
  const Graph graph = n.finish();
  EXPECT_LT(difference_from_engine(graph, random_inputs(graph, 3, -1, 1, 2)), 1e-5);
}

TEST(TorchGraph, RefusesToMixImagesOfABatch) {
  for (const Op& op : {Op(Concat{0}), Op(Permute{{1, 0}})}) {
    Graph graph = TestNetwork({1, 6}).node("mixed", op).finish();
    EXPECT_THROW(TorchGraph{graph}, Error) << op_name(op);
  }
}

TEST(TorchGraph, NetworksAreTheEngines) {
  for (const auto name : network_names()) {
    const Graph graph = make_network(name, 1, {.initialization = Initialization::keras});
    EXPECT_LT(difference_from_engine(graph, random_inputs(graph, 2, -1, 1, 3)), 1e-5) << name;
  }
}

TEST(TorchGraph, WritesBackWhatItRead) {
  const Graph graph = every_op();
  EXPECT_EQ(TorchGraph(graph).to_graph(), graph);
}

TEST(TorchGraph, EveryWeightGetsAGradient) {
  const Graph graph = every_op();
  TorchGraph network(graph);
  network.forward(batch_of(graph, random_inputs(graph, 4, -1, 1, 5)), {.training = true}).square().sum().backward();
  for (const auto& p : network.parameters()) {
    const bool is_constant = p.name == "two" || p.name == "half";
    EXPECT_EQ(p.trainable, !is_constant && !p.name.ends_with("/mean") && !p.name.ends_with("/variance")) << p.name;
    EXPECT_EQ(p.trainable, p.tensor.grad().defined() && p.tensor.grad().abs().sum().item<double>() > 0) << p.name;
  }
}

/// A BatchNorm of the image in front of a valid convolution, which is computed in another way than where its result is also
/// read elsewhere.
TestNetwork normed_image() {
  TestNetwork n({1, 12, 14, 3});
  n.batch_norm("norm");
  return n;
}

TEST(TorchGraph, NormOfTheImageHasTheSameGradients) {
  TestNetwork folded = normed_image(), plain = normed_image();
  const ValueId norm = plain.last();
  folded.conv("conv", 4, 3).flatten();
  plain.conv("conv", 4, 3).flatten();
  Graph graph = plain.finish();
  EXPECT_LT(difference_from_engine(folded.finish(), random_inputs(graph, 3, -1, 1, 6)), 1e-5);
  const int64_t outputs = element_count(graph.value(graph.outputs[0]).shape);
  graph.outputs.push_back(norm);
  TorchGraph a(folded.finish()), b(graph);
  const at::Tensor images = batch_of(graph, random_inputs(graph, 3, -1, 1, 6));
  a.forward(images, {.training = true}).square().sum().backward();
  b.forward(images, {.training = true}).slice(1, 0, outputs).square().sum().backward();
  for (size_t i = 0; i < a.parameters().size(); ++i) {
    const auto &p = a.parameters()[i], &q = b.parameters()[i];
    EXPECT_TRUE(at::allclose(p.tensor, q.tensor)) << p.name;
    if (!p.trainable) continue;
    EXPECT_TRUE(at::allclose(p.tensor.grad(), q.tensor.grad(), 1e-4, 1e-4)) << p.name;
  }
}

TEST(TorchGraph, BatchNormFollowsTheBatches) {
  TestNetwork n({1, 1, 2, 1});
  n.batch_norm("norm").flatten();
  Graph graph = n.finish();
  TorchGraph network(graph);
  const float mean = graph.value(3).elements<float>()[0], variance = graph.value(4).elements<float>()[0];
  network.forward(batch_of(graph, {{1, 2}, {3, 6}}), {.training = true});  // mean 3, variance 14/3 without bias
  graph = network.to_graph();
  EXPECT_FLOAT_EQ(graph.value(3).elements<float>()[0], .99f * mean + .01f * 3);
  EXPECT_FLOAT_EQ(graph.value(4).elements<float>()[0], .99f * variance + .01f * 14 / 3);
}

TEST(TorchGraph, DropsOnlyInTraining) {
  TestNetwork n({1, 10, 10, 10});
  n.node("flat", Reshape{{1, 1000}});
  const Graph graph = n.finish();
  const TorchGraph network(graph, {.dropout = {{"flat", .2}}});
  const at::Tensor ones = at::ones(batch_shape(graph, 10));
  EXPECT_TRUE(network.forward(ones).equal(at::ones({10, 1000})));
  const ForwardMode mode{.training = true, .generator = at::detail::createCPUGenerator(7)};
  const at::Tensor kept = network.forward(ones, mode);
  EXPECT_NEAR((kept == 0).sum().item<double>() / 10000, .2, .02);
  EXPECT_FLOAT_EQ(kept.max().item<float>(), 1.25f);
}

TEST(TorchGraph, RefusesLayersThatRemember) {
  TestNetwork n({1, 2, 3});
  n.lstm("memory", 2, {.stateful = true});
  try {
    TorchGraph network(n.finish());
    FAIL() << "a stateful layer was accepted";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("layer 'memory' (Lstm): keeps its state"), std::string::npos) << e.what();
  }
}

/// Also with learned ranges, by which the bias of three or four inputs gets its scale and a Concat none.
TEST(TorchGraph, TrainsIntegersOfRecurrentLayers) {
  TestNetwork n({1, 8, 6, 3});
  const ValueId image = n.last();
  n.node("joined", Concat{3}, {image, image}).node("sequence", Reshape{{1, 2, 4, 6, 9}});
  n.conv_lstm("images", 4, 3, {.return_sequences = true});
  n.node("rows", Reshape{{1, 2, 96}}).lstm("lstm", 5).dense("out", 2);
  const Graph graph = n.finish();
  const auto inputs = random_inputs(graph, 6, -1, 1, 3);
  const Graph integers = quantize_integer(graph, calibrated(graph, inputs), {.integer_io = true});
  EXPECT_EQ(TorchGraph(integers).to_graph(), integers);
  for (const bool learn_ranges : {false, true}) {
    TorchGraph network(integers, {.learn_ranges = learn_ranges});
    const at::Tensor outputs = network.forward(batch_of(graph, inputs), {.training = true}).contiguous();
    const Plan plan(network.to_graph());
    const float* torch = outputs.data_ptr<float>();
    for (const auto& input : inputs)
      for (const float expected : outputs_of(plan, input)) EXPECT_FLOAT_EQ(*torch++, expected);
    outputs.square().sum().backward();
    for (const auto& p : network.parameters())
      EXPECT_TRUE(p.value == kNoValue || !p.trainable ||
                  (p.tensor.grad().defined() && p.tensor.grad().abs().sum().item<double>() > 0))
          << p.name;
  }
}

TEST(TorchGraph, RefusesOtherNumbers) {
  TestNetwork n({1, 4, 4, 2});
  n.conv("conv", 3, 3);
  Graph graph = n.finish();
  graph.value(graph.nodes[0].inputs[1]).type = ElementType::f16;
  try {
    TorchGraph network(graph);
    FAIL() << "a float16 layer was accepted";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("layer 'conv'"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("float32"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace slimpilot
