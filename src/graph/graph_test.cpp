// SPDX-License-Identifier: Apache-2.0
// The graph's own rules: shapes, verification, printing, editing, and half precision. What the ops compute is tested beside
// the kernels.
#include "graph/graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>

#include "base/error.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

std::vector<float> ones(int64_t count) { return std::vector<float>(static_cast<size_t>(count), 1.0f); }

ValueId constant(Graph& graph, const std::string& name, const Shape& shape) {
  return add_constant(graph, name, shape, ones(element_count(shape)));
}

/// The shape of a node over values of the given shapes.
Shape inferred(Op op, const std::vector<Shape>& inputs) {
  Graph graph;
  Node node{.name = "layer7", .op = std::move(op)};
  for (const Shape& shape : inputs) node.inputs.push_back(add_value(graph, "x" + std::to_string(node.inputs.size()), shape));
  return infer_shape(graph, node);
}

std::string message_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::string inference_error(Op op, const std::vector<Shape>& inputs) {
  return message_of([&] { inferred(std::move(op), inputs); });
}

void expect_contains(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in: " << text;
}

TEST(Shapes, OfConvolutions) {
  EXPECT_EQ(inferred(Conv2D{2, 2, Padding::valid}, {{1, 66, 200, 3}, {24, 5, 5, 3}, {24}}), (Shape{1, 31, 98, 24}));
  EXPECT_EQ(inferred(Conv2D{2, 2, Padding::same}, {{1, 33, 100, 3}, {24, 5, 5, 3}, {24}}), (Shape{1, 17, 50, 24}));
  EXPECT_EQ(inferred(Conv2D{1, 2, Padding::valid}, {{1, 5, 5, 2}, {4, 5, 1, 2}, {4}}), (Shape{1, 1, 3, 4}));
  EXPECT_EQ(inferred(DepthwiseConv2D{1, 1, Padding::same}, {{1, 7, 9, 3}, {1, 3, 3, 3}, {3}}), (Shape{1, 7, 9, 3}));
  EXPECT_EQ(inferred(Dense{}, {{2, 10}, {4, 10}, {4}}), (Shape{2, 4}));
}

TEST(Shapes, OfConvLstm) {
  const std::vector<Shape> inputs{{1, 3, 8, 10, 2}, {16, 5, 5, 2}, {16, 5, 5, 4}, {16}};
  EXPECT_EQ(inferred(ConvLstm2D{.return_sequences = true}, inputs), (Shape{1, 3, 8, 10, 4}));
  EXPECT_EQ(inferred(ConvLstm2D{}, inputs), (Shape{1, 8, 10, 4}));
  EXPECT_EQ(inferred(ConvLstm2D{.stride_h = 2, .stride_w = 2, .padding = Padding::valid}, inputs), (Shape{1, 2, 3, 4}));
}

TEST(Shapes, OfLstm) {
  const std::vector<Shape> inputs{{1, 3, 5}, {16, 5}, {16, 4}, {16}};
  EXPECT_EQ(inferred(Lstm{.return_sequences = true}, inputs), (Shape{1, 3, 4}));
  EXPECT_EQ(inferred(Lstm{}, inputs), (Shape{1, 4}));
}

TEST(Shapes, OfTheOthers) {
  EXPECT_EQ(inferred(Pool2D{}, {{1, 7, 8, 3}}), (Shape{1, 3, 4, 3}));
  EXPECT_EQ(inferred(Pool2D{.padding = Padding::same}, {{1, 7, 8, 3}}), (Shape{1, 4, 4, 3}));
  EXPECT_EQ(inferred(BatchNorm{}, {{1, 4, 4, 3}, {3}, {3}, {3}, {3}}), (Shape{1, 4, 4, 3}));
  EXPECT_EQ(inferred(Activation{}, {{1, 4}}), (Shape{1, 4}));
  EXPECT_EQ(inferred(Reshape{{1, 12}}, {{1, 2, 2, 3}}), (Shape{1, 12}));
  EXPECT_EQ(inferred(Crop2D{1, 2, 3, 0}, {{1, 10, 10, 1}}), (Shape{1, 7, 7, 1}));
  EXPECT_EQ(inferred(Pad2D{1, 2, 3, 0}, {{1, 10, 10, 1}}), (Shape{1, 13, 13, 1}));
  EXPECT_EQ(inferred(Add{}, {{1, 4}, {1, 4}}), (Shape{1, 4}));
  EXPECT_EQ(inferred(Mul{}, {{1, 4}, {1}}), (Shape{1, 4}));
  EXPECT_EQ(inferred(Mul{}, {{2, 3, 4, 5}, {3, 1, 1}}), (Shape{2, 3, 4, 5}));
  EXPECT_EQ(inferred(LeakyRelu{}, {{1, 4}}), (Shape{1, 4}));
  EXPECT_EQ(inferred(Softmax{}, {{1, 4}}), (Shape{1, 4}));
  EXPECT_EQ(inferred(Concat{2}, {{1, 4, 2}, {1, 4, 3}, {1, 4, 1}}), (Shape{1, 4, 6}));
  EXPECT_EQ(inferred(Permute{{0, 2, 1}}, {{1, 4, 2}}), (Shape{1, 2, 4}));
  EXPECT_EQ(inferred(Quantize{}, {{1, 4}}), (Shape{1, 4}));
  EXPECT_EQ(inferred(Dequantize{}, {{1, 4}}), (Shape{1, 4}));
}

TEST(Shapes, ErrorsNameTheLayer) {
  const std::string conv = inference_error(Conv2D{}, {{1, 9, 9, 3}, {8, 3, 3, 4}, {8}});
  EXPECT_EQ(conv, "layer 'layer7' (Conv2D): the image has 3 channels, the weights 4");
  expect_contains(inference_error(Conv2D{}, {{1, 9, 9, 3}, {8, 3, 3, 3}, {7}}), "input 2 is 7 instead of 8 elements");
  expect_contains(inference_error(Conv2D{}, {{1, 9, 9, 3}, {8, 3, 3, 3}}), "has 2 inputs instead of 3");
  expect_contains(inference_error(Conv2D{}, {{9, 9, 3}, {8, 3, 3, 3}, {8}}), "input 0 is 9x9x3, but needs 4 dimensions");
  expect_contains(inference_error(Conv2D{}, {{1, 2, 9, 3}, {8, 3, 3, 3}, {8}}), "a window of 3 does not fit into 2");
  expect_contains(inference_error(Conv2D{.stride_h = 0}, {{1, 9, 9, 3}, {8, 3, 3, 3}, {8}}), "must be positive");
  expect_contains(inference_error(DepthwiseConv2D{}, {{1, 9, 9, 3}, {2, 3, 3, 3}, {3}}), "layer 'layer7' (DepthwiseConv2D)");
  expect_contains(inference_error(Dense{}, {{1, 10}, {4, 11}, {4}}), "gets 10 numbers, the weights want 11");
  expect_contains(inference_error(ConvLstm2D{}, {{1, 3, 8, 8, 2}, {15, 5, 5, 2}, {15, 5, 5, 3}, {15}}), "(ConvLstm2D)");
  expect_contains(inference_error(ConvLstm2D{}, {{1, 3, 8, 8, 2}, {16, 5, 5, 2}, {16, 5, 5, 3}, {16}}), "recurrent kernel");
  expect_contains(inference_error(Lstm{}, {{1, 3, 6}, {16, 5}, {16, 4}, {16}}), "kernel 16x5 does not fit the sequence 1x3x6");
  expect_contains(inference_error(Lstm{}, {{1, 3, 5}, {16, 5}, {16, 5}, {16}}), "recurrent kernel is 16x5");
  expect_contains(inference_error(Pool2D{.stride_w = 0}, {{1, 8, 8, 2}}), "(Pool2D)");
  expect_contains(inference_error(BatchNorm{}, {{1, 8, 8, 2}, {2}, {2}, {3}, {2}}), "input 3 is 3 instead of 2");
  expect_contains(inference_error(Reshape{{1, 7}}, {{1, 8}}), "cannot make 1x7 of 1x8");
  expect_contains(inference_error(Reshape{{-1, -8}}, {{1, 8}}), "not positive");
  expect_contains(inference_error(Crop2D{4, 4, 0, 0}, {{1, 8, 8, 2}}), "nothing is left");
  expect_contains(inference_error(Pad2D{-1, 0, 0, 0}, {{1, 8, 8, 2}}), "negative or absurd");
  expect_contains(inference_error(Add{}, {{1, 8}, {1, 7}}), "cannot combine 1x8 and 1x7");
  expect_contains(inference_error(Mul{}, {{3, 4, 5}, {3, 1, 5}}), "cannot combine 3x4x5 and 3x1x5");
  expect_contains(inference_error(Mul{}, {{1, 5}, {3, 5}}), "cannot combine");
  expect_contains(inference_error(Concat{2}, {{1, 8}, {1, 8}}), "there is no dimension 2");
  expect_contains(inference_error(Concat{-1}, {{1, 8}}), "there is no dimension -1");
  expect_contains(inference_error(Concat{1}, {{1, 8}, {2, 8}}), "input 1 is 2x8, input 0 1x8");
  expect_contains(inference_error(Concat{1}, {{1, 8}, {1, 8, 1}}), "input 1 is 1x8x1, but needs 2 dimensions");
  expect_contains(inference_error(Concat{0}, {{1 << 30}, {1 << 30}}), "absurdly long");
  for (const std::vector<int>& order : {std::vector{0, 0}, {0, 2}, {-1, 0}})
    expect_contains(inference_error(Permute{order}, {{1, 8}}), "no permutation");
  expect_contains(inference_error(Permute{{0}}, {{1, 8}}), "needs 1 dimensions");
  expect_contains(inference_error(LeakyRelu{std::nanf("")}, {{1, 8}}), "alpha is not finite");
  expect_contains(inference_error(Activation{}, {{1, 8}, {1, 8}}), "has 2 inputs instead of 1");
  expect_contains(inference_error(Dense{}, {{1 << 16, 4}, {1 << 15, 4}, {1 << 15}}), "the result would be 65536x32768");
}

/// TensorFlow puts the odd row of `same` at the end.
TEST(Shapes, SamePaddingIsTensorFlows) {
  const auto same = [](int input, int window, int stride) { return padded_extent(input, window, stride, Padding::same); };
  EXPECT_EQ(same(66, 5, 2).before, 1);
  EXPECT_EQ(same(66, 5, 2).after, 2);
  EXPECT_EQ(same(66, 5, 2).output, 33);
  EXPECT_EQ(same(4, 1, 2).before + same(4, 1, 2).after, 0);
  EXPECT_EQ(padded_extent(3, 5, 1, Padding::valid).output, 0);
}

/// image → conv (with one scale per output if asked) → relu → flatten → dense; every rule holds.
Graph small_graph() {
  Graph graph;
  graph.name = "small";
  const ValueId image = add_value(graph, "image", {1, 4, 5, 2});
  graph.inputs = {image};
  const ValueId conv = append_node(graph, "conv", Conv2D{2, 1, Padding::valid},
                                   {image, constant(graph, "conv/kernel", {3, 2, 3, 2}), constant(graph, "conv/bias", {3})});
  const ValueId relu = append_node(graph, "relu", Activation{ActivationKind::relu}, {conv});
  const ValueId flat = append_node(graph, "flatten", Reshape{{1, 18}}, {relu});
  graph.outputs = {append_node(graph, "dense", Dense{},
                               {flat, constant(graph, "dense/kernel", {2, 18}), constant(graph, "dense/bias", {2})})};
  return graph;
}

TEST(Verify, AcceptsASoundGraph) { EXPECT_NO_THROW(verify(small_graph())); }

Value& named(Graph& graph, const std::string& name) {
  for (Value& value : graph.values)
    if (value.name == name) return value;
  throw std::runtime_error("no value " + name);
}

struct Broken {
  const char* rule;
  std::function<void(Graph&)> break_it;
  const char* expected;
};

const Broken kBrokenRules[] = {
    {"no_output", [](Graph& g) { g.outputs.clear(); }, "no input or no output"},
    {"no_input", [](Graph& g) { g.inputs.clear(); }, "no input or no output"},
    {"order", [](Graph& g) { std::swap(g.nodes[0], g.nodes[1]); }, "layer 'relu' reads a tensor that nothing has computed yet"},
    {"cycle", [](Graph& g) { g.nodes[0].inputs[0] = g.nodes[1].output; },
     "layer 'conv' reads a tensor that nothing has computed"},
    {"self", [](Graph& g) { g.nodes[1].inputs[0] = g.nodes[1].output; }, "layer 'relu' reads a tensor"},
    {"unknown_operand", [](Graph& g) { g.nodes[1].inputs[0] = 1000; }, "layer 'relu' reads a tensor"},
    {"negative_operand", [](Graph& g) { g.nodes[1].inputs[0] = kNoValue; }, "layer 'relu' reads a tensor"},
    {"no_operand", [](Graph& g) { g.nodes[1].inputs.clear(); }, "layer 'relu' has no input"},
    {"written_twice", [](Graph& g) { g.nodes[1].output = g.nodes[0].output; }, "already written"},
    {"writes_constant", [](Graph& g) { g.nodes[1].output = g.nodes[0].inputs[1]; }, "already written"},
    {"unknown_result", [](Graph& g) { g.nodes[1].output = -5; }, "layer 'relu' writes a tensor that does not exist"},
    {"images_missing",
     [](Graph& g) {
       g.preprocessing.frames_back = {1, 0};
     },
     "names 2 image(s), but the network's input is"},
    {"future_frame", [](Graph& g) { g.preprocessing.frames_back = {-1}; }, "-1 frames back; it must be 0 to 255"},
    {"ancient_frame", [](Graph& g) { g.preprocessing.frames_back = {256}; }, "256 frames back"},
    {"input_twice", [](Graph& g) { g.inputs.push_back(g.inputs[0]); }, "named twice"},
    {"input_unknown", [](Graph& g) { g.inputs[0] = 99; }, "does not exist"},
    {"constant_input", [](Graph& g) { g.inputs.push_back(g.nodes[0].inputs[1]); }, "is constant"},
    {"output_unknown", [](Graph& g) { g.outputs[0] = 99; }, "never computed"},
    {"output_constant", [](Graph& g) { g.outputs[0] = g.nodes[0].inputs[1]; }, "never computed"},
    {"shape",
     [](Graph& g) {
       named(g, "relu").shape = {1, 18};
     },
     "layer 'relu' yields 1x2x3x3, but its output says 1x18"},
    {"constant_size", [](Graph& g) { named(g, "conv/bias").data.resize(8); },
     "constant 'conv/bias' holds 8 bytes, its shape 3 needs 12"},
    {"absurd_shape",
     [](Graph& g) {
       named(g, "image").shape = {1, 1 << 20, 1 << 20, 3};
     },
     "tensor 'image' has the absurd shape"},
    {"zero_extent", [](Graph& g) { named(g, "image").shape[1] = 0; }, "tensor 'image' has the absurd shape"},
    {"nan", [](Graph& g) { named(g, "dense/kernel").elements<float>()[5] = std::nanf(""); },
     "constant 'dense/kernel' holds a NaN or infinity at element 5"},
    {"infinity", [](Graph& g) { named(g, "conv/bias").elements<float>()[0] = -std::numeric_limits<float>::infinity(); },
     "NaN or infinity at element 0"},
    {"half_infinity",
     [](Graph& g) {
       Value& bias = named(g, "conv/bias");
       bias.type = ElementType::f16;
       bias.data.resize(6);
       bias.elements<uint16_t>()[2] = 0x7C00;
     },
     "NaN or infinity at element 2"},
    {"integer_without_scale", [](Graph& g) { named(g, "relu").type = ElementType::s8; },
     "layer 'relu': reads f32 but writes s8"},
    {"meaning",
     [](Graph& g) {
       g.meaning = {{"v", "m/s"}};
     },
     "yields 2 numbers, but 1 outputs are named"},
};

TEST(Verify, RefusesEachBrokenRule) {
  for (const Broken& broken : kBrokenRules) {
    SCOPED_TRACE(broken.rule);
    Graph graph = small_graph();
    broken.break_it(graph);
    expect_contains(message_of([&] { verify(graph); }), broken.expected);
  }
}

TEST(Verify, RefusesScalesThatDoNotFit) {
  const auto message = [](const Quantization& quantization, ElementType type = ElementType::s8) {
    Graph graph = small_graph();
    Value& kernel = named(graph, "conv/kernel");
    kernel.type = type;
    kernel.data.resize(static_cast<size_t>(element_count(kernel.shape)) * element_size(type));
    kernel.quantization = quantization;
    return message_of([&] { verify(graph); });
  };
  EXPECT_EQ(message({{1, 2, 3}, {0, 0, 0}, 0}), "no error");
  EXPECT_EQ(message({{1}, {0}, -1}), "no error");
  EXPECT_EQ(message({{1, 2}, {0, 0}, 3}), "no error");
  expect_contains(message({{1, 2}, {0, 0}, 0}), "tensor 'conv/kernel': has 2 scales that do not fit its shape 3x2x3x2");
  expect_contains(message({{1, 2, 3}, {0, 0, 0}, 4}), "do not fit its shape");
  expect_contains(message({{1, 2, 3}, {0, 0, 0}, -1}), "several scales but no axis");
  expect_contains(message({{1, 2, 3}, {0, 0}, 0}), "scales and zero points of different number");
  expect_contains(message({{}, {}, -1}), "different number");
  for (const float scale : {0.0f, -1.0f, std::nanf(""), std::numeric_limits<float>::infinity()})
    expect_contains(message({{scale}, {0}, -1}), "not positive and finite");
  expect_contains(message({{1}, {128}, -1}), "zero point outside its type");
  expect_contains(message({{1}, {0}, -1}, ElementType::f16), "is real but has a quantization");
}

TEST(Verify, RefusesWrongTypesAroundQuantize) {
  const auto message = [](ElementType from, ElementType to, Op op) {
    Graph graph;
    const ValueId x = add_value(graph, "x", {1, 4}, from);
    graph.inputs = {x};
    graph.outputs = {append_node(graph, "convert", op, {x})};
    graph.value(graph.outputs[0]).type = to;
    for (Value& value : graph.values)
      if (value.type != ElementType::f32) value.quantization = Quantization{{1}, {0}, -1};
    return message_of([&] { verify(graph); });
  };
  EXPECT_EQ(message(ElementType::f32, ElementType::s8, Quantize{}), "no error");
  EXPECT_EQ(message(ElementType::s16, ElementType::f32, Dequantize{}), "no error");
  expect_contains(message(ElementType::f32, ElementType::f32, Quantize{}), "layer 'convert': quantizes to a real type");
  expect_contains(message(ElementType::f32, ElementType::f32, Dequantize{}), "does not dequantize from integers");
  expect_contains(message(ElementType::s8, ElementType::s16, Activation{}), "reads s8 but writes s16");
}

TEST(Print, IsOneLinePerNode) {
  EXPECT_EQ(
      to_text(small_graph()),
      "input image:f32[1x4x5x2]\n"
      "conv:f32[1x2x3x3] = Conv2D stride 2x1 valid linear (image:f32[1x4x5x2], conv/kernel:f32[3x2x3x2], conv/bias:f32[3])\n"
      "relu:f32[1x2x3x3] = Activation relu (conv:f32[1x2x3x3])\n"
      "flatten:f32[1x18] = Reshape (relu:f32[1x2x3x3])\n"
      "dense:f32[1x2] = Dense linear (flatten:f32[1x18], dense/kernel:f32[2x18], dense/bias:f32[2])\n"
      "output dense:f32[1x2]\n");
}

TEST(MultiplyAdds, CountEveryWeightOncePerResult) {
  const Graph graph = small_graph();
  EXPECT_EQ(multiply_adds(graph, graph.nodes[0]), 2 * 3 * 3 * (2 * 3 * 2));
  EXPECT_EQ(multiply_adds(graph, graph.nodes[1]), 0);
  EXPECT_EQ(multiply_adds(graph, graph.nodes[3]), 2 * 18);
}

TEST(Edit, FindsProducersAndConsumers) {
  const Graph graph = small_graph();
  EXPECT_EQ(producer_of(graph, graph.nodes[1].output), 1);
  EXPECT_EQ(producer_of(graph, graph.inputs[0]), -1);
  EXPECT_EQ(consumers_of(graph, graph.inputs[0]), std::vector<int>{0});
  EXPECT_TRUE(consumers_of(graph, graph.outputs[0]).empty());
  EXPECT_TRUE(is_output(graph, graph.outputs[0]));
  EXPECT_FALSE(is_output(graph, graph.inputs[0]));
}

TEST(Edit, ReplaceUsesReachesNodesAndOutputs) {
  Graph graph = small_graph();
  replace_uses(graph, graph.nodes[1].output, graph.nodes[0].output);
  EXPECT_EQ(graph.nodes[2].inputs[0], graph.nodes[0].output);
  replace_uses(graph, graph.nodes[3].output, graph.nodes[2].output);
  EXPECT_EQ(graph.outputs[0], graph.nodes[2].output);
}

TEST(Edit, RemoveUnusedRenumbersAndKeepsTheRest) {
  Graph graph;
  constant(graph, "nobody reads", {3});
  Graph expected = small_graph();
  const int shift = static_cast<int>(graph.values.size());
  for (const Value& value : expected.values) graph.values.push_back(value);
  graph.name = expected.name;
  graph.nodes = expected.nodes;
  for (Node& node : graph.nodes) {
    for (ValueId& id : node.inputs) id += shift;
    node.output += shift;
  }
  graph.inputs = {expected.inputs[0] + shift};
  graph.outputs = {expected.outputs[0] + shift};
  const ValueId dead = append_node(graph, "dead", Activation{}, {graph.nodes[0].output});
  append_node(graph, "dead too", Activation{}, {dead});
  verify(graph);
  remove_unused(graph);
  EXPECT_EQ(graph, expected);
}

TEST(Edit, RemoveUnusedKeepsInputsThatNobodyReads) {
  Graph graph = small_graph();
  graph.inputs.push_back(add_value(graph, "unread", {1, 3}));
  remove_unused(graph);
  ASSERT_EQ(graph.inputs.size(), 2u);
  EXPECT_EQ(graph.value(graph.inputs[1]).name, "unread");
  EXPECT_NO_THROW(verify(graph));
}

TEST(Edit, ConstantsAsFloats) {
  Value value{.name = "w", .shape = {2, 2}, .type = ElementType::s8, .quantization = Quantization{{.5f, 2}, {0, 1}, 0}};
  for (const int x : {-2, 4, 1, -3}) value.data.push_back(static_cast<std::byte>(x));
  EXPECT_EQ(constant_as_floats(value), (std::vector<float>{-1, 2, 0, -8}));
  value.quantization->axis = 1;
  EXPECT_EQ(constant_as_floats(value), (std::vector<float>{-1, 6, .5f, -8}));
}

TEST(Half, EveryNumberReturns) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = half_to_float(half);
    if (std::isnan(value))
      EXPECT_EQ(float_to_half(value), (half & 0x8000) | 0x7E00) << bits;
    else
      ASSERT_EQ(float_to_half(value), half) << bits;
  }
}

/// Between two neighbours: below the middle down, above it up, in the middle to the even one.
TEST(Half, RoundsToNearestEven) {
  for (uint16_t half = 0; half < 0x7BFF; ++half) {
    const float low = half_to_float(half), high = half_to_float(static_cast<uint16_t>(half + 1)),
                middle = low + (high - low) / 2;
    const auto next = static_cast<uint16_t>(half + 1);
    ASSERT_EQ(float_to_half(middle), half % 2 == 0 ? half : next) << half;
    ASSERT_EQ(float_to_half(std::nextafter(middle, 0.0f)), half) << half;
    ASSERT_EQ(float_to_half(std::nextafter(middle, 1e9f)), next) << half;
    ASSERT_EQ(float_to_half(-middle), 0x8000 | (half % 2 == 0 ? half : next)) << half;
  }
}

TEST(Half, OverflowsToInfinity) {
  EXPECT_EQ(float_to_half(65504), 0x7BFF);
  EXPECT_EQ(float_to_half(std::nextafter(65520.0f, 0.0f)), 0x7BFF);
  EXPECT_EQ(float_to_half(65520), 0x7C00);
  EXPECT_EQ(float_to_half(-1e30f), 0xFC00);
  EXPECT_EQ(float_to_half(std::numeric_limits<float>::infinity()), 0x7C00);
  EXPECT_EQ(half_to_float(0xFC00), -std::numeric_limits<float>::infinity());
  EXPECT_EQ(float_to_half(std::nanf("")) & 0x7FFF, 0x7E00);
  EXPECT_EQ(float_to_half(-0.0f), 0x8000);
  EXPECT_EQ(float_to_half(std::numeric_limits<float>::denorm_min()), 0);
}

}  // namespace
}  // namespace slimpilot
