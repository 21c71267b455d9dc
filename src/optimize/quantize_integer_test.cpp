// SPDX-License-Identifier: Apache-2.0
// The quantizing techniques on small random networks: which graphs they make and how near they stay to float32.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "optimize/pass_test.h"
#include "optimize/passes.h"
#include "optimize/recipes.h"

namespace slimpilot {
namespace {

/// Images of 0…1, as a preprocessing of x/255 makes them.
Graph with_unit_input(Graph graph) {
  for (float& scale : graph.preprocessing.scale) scale = 1.0f / 255;
  return graph;
}

Graph small_pilot() {
  return with_unit_input(TestNetwork({1, 16, 20, 3})
                             .conv("conv1", 8, 5, {2, 2, Padding::valid, ActivationKind::relu})
                             .conv("conv2", 16, 3, {1, 1, Padding::same, ActivationKind::relu})
                             .flatten()
                             .dense("dense1", 20)
                             .activation("elu", ActivationKind::elu)
                             .dense("dense2", 2)
                             .finish());
}

struct Quality {
  const char* technique;
  double least_db;  // some dB below what random weights and pixels of this test yield
};

class TechniqueTest : public testing::TestWithParam<Quality> {};

TEST_P(TechniqueTest, StayNearFloat32) {
  const Graph graph = small_pilot();
  const Graph result = technique(GetParam().technique, graph, random_inputs(graph, 60, 0, 1, 21));
  const double db = sqnr_of(graph, result, random_inputs(graph, 30, 0, 1, 22));
  RecordProperty("sqnr_db", std::to_string(db));
  EXPECT_GE(db, GetParam().least_db);
}

/// Two branches whose ranges differ, joined and turned, and a head that only real numbers have.
Graph branches() {
  TestNetwork n({1, 16, 20, 3});
  n.conv("conv1", 8, 5, {2, 2, Padding::valid, ActivationKind::relu}).node("leaky", LeakyRelu{.1f});
  const ValueId trunk = n.last();
  n.conv("conv2", 8, 3, {1, 1, Padding::same})
      .node("leaky2", LeakyRelu{.3f})
      .node("twice", Mul{}, {n.constant("two", {1}, 2, 2.1)});
  n.node("joined", Concat{3}, {trunk}).node("turned", Permute{{0, 2, 1, 3}}).flatten().dense("dense", 5);
  Graph graph = n.node("shares", Softmax{}).finish();
  return with_unit_input(graph);
}

TEST(Branches, StayNearFloat32) {
  const Graph graph = branches();
  const auto frames = random_inputs(graph, 60, 0, 1, 21);
  for (const char* name : {"int8_only", "int16x8"}) {
    const Graph result = technique(name, graph, frames);
    EXPECT_GE(sqnr_of(graph, result, random_inputs(graph, 30, 0, 1, 22)), 30) << name;
    EXPECT_EQ(float_ops_note(result), "not integer-only: SOFTMAX") << name;
    const auto joined = std::ranges::find(result.nodes, "joined", &Node::name);
    ASSERT_NE(joined, result.nodes.end());
    for (const ValueId id : joined->inputs) EXPECT_EQ(result.value(id).quantization, result.value(joined->output).quantization);
  }
}

INSTANTIATE_TEST_SUITE_P(All, TechniqueTest,
                         testing::Values(Quality{"float32", 200}, Quality{"dynamic_range", 35}, Quality{"int4", 20},
                                         Quality{"float16", 55}, Quality{"int8_float_fallback", 28}, Quality{"int8_only", 25},
                                         Quality{"int16x8", 38}),
                         [](const auto& quality) { return std::string(quality.param.technique); });

TEST(Techniques, MakeTheGraphsThatTheirNamesSay) {
  const Graph graph = small_pilot();
  const auto inputs = random_inputs(graph, 10, 0, 1, 21);
  const auto make = [&](const char* name) { return technique(name, graph, inputs); };
  const auto input_type = [](const Graph& g) { return g.value(g.inputs[0]).type; };
  const auto output_type = [](const Graph& g) { return g.value(g.outputs[0]).type; };
  const auto weight_type = [](const Graph& g, const char* name) {
    for (const Value& value : g.values)
      if (value.name == name) return value.type;
    throw Error(name);
  };
  EXPECT_EQ(make("float32"), graph);

  const Graph dynamic = make("dynamic_range"), half = make("float16"), four = make("int4");
  for (const Node& node : four.nodes) {
    if (!std::holds_alternative<Dense>(node.op) || four.value(node.inputs[1]).type != ElementType::s8) continue;
    for (const int8_t w : four.value(node.inputs[1]).elements<int8_t>()) EXPECT_LE(std::abs(w), 7);
  }
  EXPECT_EQ(weight_type(dynamic, "conv1/kernel"), ElementType::f32) << "600 weights save nothing";
  EXPECT_EQ(weight_type(dynamic, "conv2/kernel"), ElementType::s8);
  EXPECT_EQ(weight_type(dynamic, "conv2/bias"), ElementType::f32);
  EXPECT_EQ(weight_type(half, "conv1/kernel"), ElementType::f16);
  EXPECT_EQ(weight_type(half, "conv1/bias"), ElementType::f32);
  for (const Graph* g : {&dynamic, &half}) {
    EXPECT_EQ(g->nodes.size(), graph.nodes.size());
    EXPECT_EQ(output_type(*g), ElementType::f32);
  }

  const Graph fallback = make("int8_float_fallback"), only = make("int8_only"), wide = make("int16x8");
  for (const Graph* g : {&fallback, &wide}) {
    EXPECT_EQ(input_type(*g), ElementType::f32);
    EXPECT_EQ(output_type(*g), ElementType::f32);
    EXPECT_TRUE(std::holds_alternative<Quantize>(g->nodes.front().op));
    EXPECT_TRUE(std::holds_alternative<Dequantize>(g->nodes.back().op));
    EXPECT_EQ(weight_type(*g, "conv1/kernel"), ElementType::s8);
  }
  EXPECT_EQ(weight_type(fallback, "conv1/bias"), ElementType::s32);
  EXPECT_EQ(weight_type(wide, "conv1/bias"), ElementType::s64);
  EXPECT_EQ(weight_type(wide, "conv2"), ElementType::s16);
  EXPECT_EQ(input_type(only), ElementType::s8);
  EXPECT_EQ(output_type(only), ElementType::s8);
  for (const Node& node : only.nodes)
    EXPECT_FALSE(std::holds_alternative<Quantize>(node.op) || std::holds_alternative<Dequantize>(node.op));
}

TEST(Techniques, AreDeterministic) {
  const Graph graph = small_pilot();
  const auto inputs = random_inputs(graph, 10, 0, 1, 21);
  for (const Technique& t : standard_techniques())
    EXPECT_EQ(technique(t.name, graph, inputs), technique(t.name, graph, inputs)) << t.name;
}

/// Integer kernels give the same bits on every instruction set.
TEST(QuantizeInteger, IsTheSameOnEveryIsa) {
  const Graph graph = small_pilot();
  const auto inputs = random_inputs(graph, 10, 0, 1, 23);
  for (const char* name : {"int8_only", "int8_float_fallback", "int16x8"}) {
    const Graph integer = technique(name, graph, inputs);
    for (const auto& input : inputs) {
      const auto expected = outputs_of(Plan(integer, {.isa = Isa::reference}), input);
      if (std::string(name) == "int16x8") continue;  // its ELU is real, and real kernels differ in the last bit
      for (const Isa isa : supported_isas())
        EXPECT_EQ(outputs_of(Plan(integer, {.isa = isa}), input), expected) << name << " " << isa_name(isa);
    }
  }
}

TEST(QuantizeInteger, EluIsBracketedInInt16) {
  const Graph graph = small_pilot();
  const auto inputs = random_inputs(graph, 10, 0, 1, 21);
  const Graph wide = technique("int16x8", graph, inputs), narrow = technique("int8_only", graph, inputs);
  EXPECT_EQ(float_ops_note(wide), "not integer-only: ELU");
  EXPECT_EQ(float_ops_note(narrow), "");
  EXPECT_EQ(float_ops_note(graph), "") << "a float graph is not expected to be integer-only";
  const auto elu = std::find_if(wide.nodes.begin(), wide.nodes.end(),
                                [](const Node& n) { return std::holds_alternative<Activation>(n.op); });
  ASSERT_TRUE(elu != wide.nodes.end() && elu != wide.nodes.begin());
  EXPECT_TRUE(std::holds_alternative<Dequantize>((elu - 1)->op));
  EXPECT_TRUE(std::holds_alternative<Quantize>((elu + 1)->op));
  EXPECT_EQ(wide.value(elu->output).type, ElementType::f32);
  EXPECT_EQ((elu + 1)->inputs, std::vector<ValueId>{elu->output});
}

/// Two outputs, the second `factor` times the first.
Graph two_outputs(float factor) {
  Graph graph = with_unit_input(TestNetwork({1, 4, 4, 3}).flatten().dense("head", 2).finish());
  const auto w = graph.value(graph.nodes[1].inputs[1]).elements<float>(),
             b = graph.value(graph.nodes[1].inputs[2]).elements<float>();
  for (size_t i = 0; i < w.size() / 2; ++i) w[w.size() / 2 + i] = factor * w[i];
  b[1] = factor * b[0];
  graph.meaning = {{"v", "m/s"}, {"w", "rad/s"}};
  return graph;
}

TEST(QuantizeInteger, ErrsNeitherUpNorDownOnTheCalibrationFrames) {
  TestNetwork network({1, 5, 11, 8});
  const Graph graph =
      simplify(network.node("sequence", Reshape{{1, 1, 5, 11, 8}}).conv_lstm("lstm", 8, 5).flatten().dense("out", 2).finish());
  const auto inputs = random_inputs(graph, 40, -1, 1, 5);
  const Calibration calibration = calibrated(graph, inputs);
  for (const ElementType type : {ElementType::s8, ElementType::s16}) {
    const Graph integer = quantize_integer(graph, calibration, {.activations = type, .integer_io = true});
    const std::vector<double> error = calibration.mean_error(integer);
    ASSERT_EQ(error.size(), 2u);
    size_t o = 0;
    for (const ValueId id : integer.outputs)
      for (int64_t i = 0; i < element_count(integer.value(id).shape); ++i)
        EXPECT_LT(std::abs(error[o++]),
                  0.3 * integer.value(id).quantization->scale[0]);  // each result is rounded to whole steps
  }
}

TEST(QuantizeInteger, OutputsOfDifferentRangesAreSplit) {
  const Graph graph = two_outputs(3);
  const auto inputs = random_inputs(graph, 20, 0, 1, 24);
  const Graph split = technique("int8_only", graph, inputs);
  ASSERT_EQ(split.outputs.size(), 2u);
  EXPECT_EQ(split.value(split.outputs[0]).name, "head/v");
  EXPECT_EQ(split.value(split.outputs[1]).name, "head/w");
  EXPECT_EQ(split.value(split.outputs[0]).shape, (Shape{1, 1}));
  EXPECT_GT(split.value(split.outputs[1]).quantization->scale[0], 2 * split.value(split.outputs[0]).quantization->scale[0]);
  EXPECT_EQ(split.meaning, graph.meaning);
  EXPECT_GT(sqnr_of(graph, split, inputs), 30);

  Graph unnamed = graph;
  unnamed.meaning.clear();
  const Graph numbered = technique("int8_only", unnamed, inputs);
  ASSERT_EQ(numbered.outputs.size(), 2u);
  EXPECT_EQ(numbered.value(numbered.outputs[1]).name, "head/1");
}

TEST(QuantizeInteger, OutputsOfLikeRangesStayTogether) {
  const Graph graph = two_outputs(1.5);
  EXPECT_EQ(technique("int8_only", graph, random_inputs(graph, 20, 0, 1, 24)).outputs.size(), 1u);
}

/// Results may go half as far again as calibration saw, but not where labels or the activation end.
TEST(QuantizeInteger, ResultsHaveRoomForSharperBends) {
  const Graph graph = two_outputs(1);
  const auto inputs = random_inputs(graph, 20, 0, 1, 24);
  const auto range_of = [&](const Graph& real) {
    const Graph integer = technique("int8_only", real, inputs);
    const Quantization& q = *integer.value(integer.outputs[0]).quantization;
    return ValueRange{q.scale[0] * static_cast<float>(-128 - q.zero_point[0]),
                      q.scale[0] * static_cast<float>(127 - q.zero_point[0])};
  };
  const Calibration calibration = calibrated(graph, inputs);
  const ValueRange seen = calibration.output_ranges()[0];
  const float span = seen.high - seen.low, middle = (seen.low + seen.high) / 2;
  Graph centred = graph;  // observed: ±span/2
  for (float& b : centred.value(centred.nodes[1].inputs[2]).elements<float>()) b -= middle;
  const ValueRange free = range_of(centred);
  EXPECT_NEAR(free.high, span, span / 50);
  EXPECT_NEAR(free.low, -span, span / 50);

  Graph scaled = centred;
  for (OutputMeaning& m : scaled.meaning) m.min = -7, m.max = 7;  // labels are 0 … 1; what was observed stays
  EXPECT_NEAR(range_of(scaled).low, -span / 2, span / 50);
  EXPECT_NEAR(range_of(scaled).high, std::max(span / 2, std::min(span, 1.0f)), span / 50);

  Graph clipped = centred;
  std::get<Dense>(clipped.nodes[1].op).activation = ActivationKind::relu;
  EXPECT_EQ(range_of(clipped).low, 0);
}

/// The network of the study that is hardest to quantize, with one step: Mul, tanh, clipped gates.
TEST(QuantizeInteger, OneStepConvLstm) {
  Graph graph = with_unit_input(TestNetwork({1, 8, 10, 3})
                                    .conv("conv", 4, 3)
                                    .node("sequence", Reshape{{1, 1, 6, 8, 4}})
                                    .conv_lstm("lstm", 4, 3)
                                    .flatten()
                                    .dense("head", 2)
                                    .finish());
  graph = simplify(graph);
  const auto calibrating = random_inputs(graph, 40, 0, 1, 25);
  const auto inputs = random_inputs(graph, 20, 0, 1, 26);
  const Graph narrow = technique("int8_only", graph, calibrating), wide = technique("int16x8", graph, calibrating);
  EXPECT_EQ(float_ops_note(narrow), "");
  EXPECT_GE(sqnr_of(graph, narrow, inputs), 22);
  EXPECT_GE(sqnr_of(graph, wide, inputs), 35);
}

/// Four frames, read by a ConvLSTM, whose last step an LSTM reads in rows.
Graph recurrent_pilot(bool stateful) {
  TestNetwork n({1, 24, 10, 3});
  n.node("sequence", Reshape{{1, 4, 6, 10, 3}});
  n.conv_lstm("images", 8, 3, {.stride_w = 2, .padding = Padding::valid, .stateful = stateful});
  n.node("rows", Reshape{{1, 4, 32}}).lstm("rows", 16, {.return_sequences = true, .stateful = stateful});
  return with_unit_input(n.flatten().dense("head", 2).finish());
}

TEST(Recurrent, LayersAreQuantizedByEveryTechnique) {
  struct Expected {
    const char* technique;
    ElementType weights, bias, result;
    double least_db;  // some dB below what random weights and pixels of this test yield
    const char* note;
  };
  using enum ElementType;
  for (const Expected& e : {Expected{"dynamic_range", s8, f32, f32, 45, ""},
                            {"float16", f16, f32, f32, 60, ""},
                            {"int8_float_fallback", s8, s32, s8, 25, ""},
                            {"int8_only", s8, s32, s8, 25, ""},
                            {"int16x8", f32, f32, f32, 50, "not integer-only: CONVLSTM2D, LSTM"}})
    for (const bool stateful : {false, true}) {
      SCOPED_TRACE(e.technique);
      const Graph graph = recurrent_pilot(stateful);
      const Graph result = technique(e.technique, graph, random_inputs(graph, 40, 0, 1, 27));
      int layers = 0;
      for (const Node& node : result.nodes) {
        if (!is_recurrent(node.op)) continue;
        ++layers;
        EXPECT_EQ(result.value(node.inputs[2]).type, e.weights);
        EXPECT_EQ(result.value(node.inputs[3]).type, e.bias);
        EXPECT_EQ(result.value(node.output).type, e.result);
      }
      EXPECT_EQ(layers, 2);
      EXPECT_EQ(float_ops_note(result), e.note);
      const double db = sqnr_of(graph, result, random_inputs(graph, 30, 0, 1, 22));
      RecordProperty(std::string(e.technique) + "_db", std::to_string(db));
      EXPECT_GE(db, e.least_db);
    }
}

/// What the plan refuses as it could not begin with zeros.
TEST(Recurrent, HiddenStatesNeedTheZeroPointZero) {
  const Graph graph = recurrent_pilot(false);
  Graph result = technique("int8_only", graph, random_inputs(graph, 5, 0, 1, 27));
  for (const Node& node : result.nodes)
    if (is_recurrent(node.op)) result.value(node.output).quantization->zero_point[0] = 1;
  EXPECT_THROW(Plan{result}, Error);
}

/// A bias far beyond what 30 bits of s_in·s_w hold makes the weights' scale grow instead of wrapping.
TEST(QuantizeInteger, HugeBiasDoesNotWrap) {
  Graph graph = with_unit_input(TestNetwork({1, 4, 4, 3}).flatten().dense("head", 1).finish());
  for (float& w : graph.value(graph.nodes[1].inputs[1]).elements<float>()) w *= 1e-9f;
  graph.value(graph.nodes[1].inputs[2]).elements<float>()[0] = -1000;
  const auto inputs = random_inputs(graph, 5, 0, 1, 28);
  EXPECT_GE(sqnr_of(graph, technique("int8_only", graph, inputs), inputs), 40);
}

}  // namespace
}  // namespace slimpilot
