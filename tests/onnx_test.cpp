// SPDX-License-Identifier: Apache-2.0
// ONNX files of whole networks: what is written is read back as the same graph, in every kind of numbers; and the test cases of
// ONNX itself, which Debian's libonnx-testdata holds. That ONNX Runtime and OpenVINO agree is checked in tests/parity.
#include "formats/onnx.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/error_test.h"
#include "formats/formats.h"
#include "formats/onnx_constant.h"
#include "formats/onnx_layout.h"
#include "graph/networks.h"
#include "host/atomic_file.h"
#include "optimize/pass_test.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

namespace fs = std::filesystem;

std::string_view no_files(const std::string& name) { throw Error("there is no '" + name + "'"); }

/// Values in the order in which nodes mention them: of equal graphs the same, wherever the values came from.
Graph ordered(Graph graph) {
  std::vector<ValueId> place(graph.values.size(), kNoValue);
  std::vector<Value> values;
  const auto visit = [&](ValueId& id) {
    ValueId& to = place[static_cast<size_t>(id)];
    if (to == kNoValue) {
      to = static_cast<ValueId>(values.size());
      values.push_back(graph.value(id));
    }
    id = to;
  };
  for (ValueId& id : graph.inputs) visit(id);
  for (Node& node : graph.nodes) {
    for (ValueId& id : node.inputs) visit(id);
    visit(node.output);
  }
  for (ValueId& id : graph.outputs) visit(id);
  graph.values = std::move(values);
  return graph;
}

/// ONNX says nothing of encodings and promises, and does not tell numbers of one shape from those of another.
Graph comparable(Graph graph) {
  graph = ordered(std::move(graph));
  for (Value& value : graph.values) {
    value.encoding = {};
    value.constraint = {};
    if (value.is_constant() && element_count(value.shape) == 1 && value.shape.size() == 1 && value.quantization)
      value.quantization->axis = -1;
  }
  return graph;
}

void expect_same(const Graph& a, const Graph& b) {
  EXPECT_EQ(to_text(a), to_text(b));
  ASSERT_EQ(a.values.size(), b.values.size());
  for (size_t i = 0; i < a.values.size(); ++i)
    EXPECT_TRUE(a.values[i] == b.values[i]) << a.values[i].name << " and " << b.values[i].name;
  EXPECT_TRUE(a == b);
}

void expect_round_trip(const Graph& graph) {
  const Graph read = parse_onnx(to_onnx(graph), no_files);
  expect_same(comparable(graph), comparable(read));
}

Graph with_metadata(Graph graph) {
  graph.preprocessing = {12, 30, true, ColorOrder::bgr, {1 / 255.f, 1 / 255.f, 1 / 255.f}, {0, -0.f, 0}};
  graph.meaning.clear();
  int64_t results = 0;
  for (const ValueId id : graph.outputs) results += element_count(graph.value(id).shape);
  for (int64_t i = 0; i < results; ++i) graph.meaning.push_back({"v" + std::to_string(i), "m/s", -1, 2});
  return graph;
}

/// Most ops, a skipped layer, clamps inside layers.
Graph varied() {
  TestNetwork n({1, 16, 20, 3});
  n.node("crop", Crop2D{1, 2, 3, 0}).node("pad", Pad2D{1, 0, 2, 1});
  n.conv("conv1", 8, 3, {2, 1, Padding::same, ActivationKind::relu6});
  const ValueId trunk = n.last();
  n.node("depthwise", DepthwiseConv2D{1, 1, Padding::same, ActivationKind::relu_0_to_1},
         {n.constant("depthwise/kernel", {1, 3, 3, 8}, -1, 1), n.constant("depthwise/bias", {8}, -1, 1)});
  n.node("sum", Add{}, {trunk}).node("half", Mul{}, {n.constant("half/constant", {}, .4, .6)});
  n.node("max", Pool2D{PoolKind::max, 2, 2, 2, 2, Padding::valid})
      .node("mean", Pool2D{PoolKind::average, 3, 3, 1, 1, Padding::same});
  n.activation("tanh", ActivationKind::tanh).node("leaky", LeakyRelu{.1f});
  const ValueId left = n.last();
  n.activation("sigmoid", ActivationKind::sigmoid).node("joined", Concat{3}, {left});
  n.flatten().dense("dense1", 6).activation("elu", ActivationKind::elu).node("rows", Reshape{{1, 1, 3, 2}}).conv("conv2", 4, 1);
  n.node("flat", Reshape{{1, 12}}).dense("dense2", 3);
  return with_metadata(n.finish());
}

/// What int16 has kernels for.
Graph plain() {
  TestNetwork n({1, 16, 20, 3});
  n.conv("conv1", 8, 5, {2, 2, Padding::valid, ActivationKind::relu})
      .conv("conv2", 6, 3, {1, 1, Padding::same, ActivationKind::relu});
  n.node("max", Pool2D{PoolKind::max, 2, 2, 2, 2, Padding::valid})
      .flatten()
      .dense("dense1", 5)
      .activation("tanh", ActivationKind::tanh)
      .dense("dense2", 2);
  return with_metadata(n.finish());
}

class OnnxRoundTrip : public testing::TestWithParam<const char*> {};

TEST_P(OnnxRoundTrip, GivesTheSameGraph) {
  for (const Graph& network :
       {simplify(plain()), simplify(varied()), simplify(make_network("deepest_lstm_tiny_pilotnet", 1))}) {
    const Graph graph = technique(GetParam(), network, random_inputs(network, 20, 0, 1, 2));
    expect_round_trip(graph);
  }
}

INSTANTIATE_TEST_SUITE_P(Techniques, OnnxRoundTrip,
                         testing::Values("float32", "float16", "dynamic_range", "int4", "int8_float_fallback", "int8_only",
                                         "int16x8"),
                         [](const auto& one) { return std::string(one.param); });

TEST(OnnxRoundTripOf, WhatIsNotSimplified) {
  expect_round_trip(TestNetwork({1, 9, 9, 3})
                        .batch_norm("batch_norm")
                        .conv("conv", 4, 3)
                        .flatten()
                        .dense("dense", 3)
                        .batch_norm("batch_norm2")
                        .activation("hard", ActivationKind::hard_sigmoid)
                        .node("softmax", Softmax{})
                        .finish());
}

/// Between DequantizeLinear and QuantizeLinear OpenVINO 2026.4 moves them wrongly.
TEST(OnnxRoundTripOf, IntegersThatArePaddedAndJoined) {
  TestNetwork n({1, 8, 10, 3});
  n.conv("conv1", 4, 3);
  const ValueId trunk = n.last();
  n.node("padded", Pad2D{1, 1, 0, 0}).node("upper", Crop2D{0, 2, 0, 0}).node("both", Concat{3}, {trunk}).conv("conv2", 2, 3);
  const Graph network = n.flatten().dense("dense", 2).finish();
  const Graph graph = technique("int8_only", network, random_inputs(network, 20, 0, 1, 2));
  expect_round_trip(graph);
  const std::string file = to_onnx(graph);
  const OnnxModel model = parse_onnx_model(file, no_files);
  size_t moved = 0;
  for (size_t i = 0; i < model.nodes.size(); ++i) {
    const OnnxNode& node = model.nodes[i];
    if (node.kind != "Pad" && node.kind != "Concat") continue;
    ++moved;
    for (const OnnxNode& other : model.nodes)
      EXPECT_FALSE(other.kind == "DequantizeLinear" && other.outputs[0] == node.inputs[0]) << node.kind;
    // A number that is not the zero point, and integers of another scale, are refused.
    OnnxModel lie = model;
    if (node.kind == "Pad")
      lie.nodes[i].inputs[2] = node.inputs[1];
    else
      lie.nodes[i].inputs[1] = model.inputs[0].name;
    const std::string error = error_of([&] { onnx_graph(lie, {.constant_bytes = 1 << 20}); });
    EXPECT_NE(error.find(node.kind == "Pad" ? "pads with other than 0" : "joins numbers of different"), std::string::npos)
        << error;
  }
  EXPECT_EQ(moved, 2u);
}

TEST(OnnxRoundTripOf, AnImageAsResult) {
  const Graph graph = TestNetwork({1, 9, 9, 3}).conv("conv", 4, 3).activation("elu", ActivationKind::elu).finish();
  expect_round_trip(graph);
}

/// The order goes into the weights behind it.
TEST(OnnxRoundTripOf, ATurnedImage) {
  TestNetwork n({1, 9, 7, 3});
  const Graph graph = n.conv("conv", 4, 3).node("turned", Permute{{0, 2, 3, 1}}).flatten().dense("dense", 3).finish();
  const Graph read = parse_onnx(to_onnx(graph), no_files);
  EXPECT_TRUE(std::ranges::none_of(read.nodes, [](const Node& node) { return std::holds_alternative<Permute>(node.op); }));
  EXPECT_LT(relative_difference(graph, read, random_inputs(graph, 3, 0, 1, 1)), 1e-5);
}

TEST(OnnxRoundTripOf, Lstms) {
  TestNetwork n({1, 4, 6});
  const auto lstm = [&](const std::string& name, int inputs, bool sequences) {
    n.node(name, Lstm{.return_sequences = sequences},
           {n.constant(name + "/kernel", {20, inputs}, -1, 1), n.constant(name + "/recurrent", {20, 5}, -1, 1),
            n.constant(name + "/bias", {20}, -1, 1)});
  };
  lstm("first", 6, true);
  lstm("second", 5, false);
  const Graph graph = n.dense("dense", 2).finish();
  const Graph read = parse_onnx(to_onnx(graph), no_files);
  EXPECT_LT(relative_difference(graph, read, random_inputs(graph, 3, -1, 1, 1)), 1e-6);
}

/// As `convert` writes them: integer ones, and those with other functions than ONNX's, are taken apart, and no hidden state is
/// rounded otherwise.
TEST(OnnxRoundTripOf, LstmsOfEveryTechnique) {
  for (const Lstm& op :
       {Lstm{}, Lstm{.activation = ActivationKind::relu}, Lstm{.recurrent_activation = ActivationKind::hard_sigmoid}}) {
    Lstm sequences = op;
    sequences.return_sequences = true;
    TestNetwork n({1, 4, 40});
    const Graph network = n.lstm("first", 8, sequences).lstm("second", 6, op).dense("dense", 2).finish();
    const auto inputs = random_inputs(network, 12, -1, 1, 4);
    for (const auto& [name, summary, steps] : find_techniques(standard_techniques(), {std::string(kPostTraining)})) {
      SCOPED_TRACE(name);
      const Graph graph = technique(name, network, inputs),
                  read = parse_onnx(to_onnx(unroll_lstm(graph, is_onnx_lstm)), no_files);
      EXPECT_EQ(read.value(read.outputs[0]).type, graph.value(graph.outputs[0]).type);
      // Of dynamic range an ONNX LSTM rounds no activations; in int16 one step more is seen.
      const bool rounds_otherwise = name == "dynamic_range" || name == "int4";
      EXPECT_GT(sqnr_of(graph, read, inputs), rounds_otherwise ? 35 : name == "int16x8" ? 80 : 100);
    }
  }
}

/// What make_onnx_models.py wrote; integers within a step or two of the result, for ONNX fixes no rounding.
TEST(OnnxGolden, FilesOfOthersGiveTheirResults) {
  const fs::path folder = fs::path(SOURCE_DIR) / "tests/golden/onnx";
  const auto wanted = nlohmann::json::parse(read_file(folder / "outputs.json"));
  ASSERT_EQ(wanted.size(), 4u);
  for (const auto& entry : wanted.items()) {
    const Graph graph = read_model(folder / entry.key());
    ASSERT_EQ(graph.value(graph.inputs.at(0)).shape, (Shape{1, 40, 60, 3}));
    std::vector<float> image;
    for (int place = 0; place < 40 * 60; ++place)
      for (int channel = 0; channel < 3; ++channel)
        image.push_back(static_cast<float>(37 * (channel * 40 * 60 + place) % 256) / 255);
    const std::vector<float> results = outputs_of(Plan(graph), image);
    ASSERT_EQ(results.size(), entry.value().size());
    const bool is_integer = entry.key().front() == 'q';
    for (size_t i = 0; i < results.size(); ++i)
      EXPECT_NEAR(results[i], entry.value()[i].get<float>(), is_integer ? 1e-2f : 1e-6f) << entry.key();
  }
}

/// A test case of ONNX: the numbers of its files.
std::vector<float> numbers_of(const OnnxTensor& tensor) {
  const Value value = constant_of(tensor);
  if (value.type == ElementType::f32 || value.type == ElementType::f16) return reals_of(value);
  const std::vector<int64_t> integers = integers_of(value);
  return {integers.begin(), integers.end()};
}

/// From the file's order of an image into the graph's.
std::vector<float> in_order_of(const Value& input, const OnnxTensor& tensor) {
  const Value value = constant_of(tensor);
  if (value.shape == input.shape || value.shape.size() != 4) return numbers_of(tensor);
  return reals_of(permuted(real_constant("", value.shape, numbers_of(tensor)), value.shape, channels_last(4), input.shape));
}

/// What the network yields in real numbers for the file's inputs, of which those that remain are computed.
std::vector<float> results_of(const Graph& graph, const std::vector<OnnxTensor>& inputs) {
  const Plan plan(graph);
  Session session(plan);
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    std::vector<float> numbers = in_order_of(graph.value(graph.inputs[i]), inputs[i]);
    if (inputs[i].type == OnnxType::uint8)
      std::ranges::transform(numbers, numbers.begin(), [](float one) { return one - 128; });
    if (graph.value(graph.inputs[i]).type == ElementType::f32)
      session.write_input(numbers, i);
    else
      std::ranges::transform(numbers, session.input(i).begin(),
                             [](float one) { return static_cast<std::byte>(static_cast<int>(one)); });
  }
  session.run();
  std::vector<float> results;
  session.read_outputs(results);
  return results;
}

/// The wanted numbers, dequantized if the file's output is of integers (uint8 has become int8).
std::vector<float> wanted_of(const Value& output, const OnnxTensor& tensor) {
  std::vector<float> wanted = numbers_of(tensor);
  if (!output.quantization) return wanted;
  const int zero = output.quantization->zero_point[0] + (tensor.type == OnnxType::uint8 ? 128 : 0);
  for (float& one : wanted) one = output.quantization->scale[0] * (one - static_cast<float>(zero));
  return wanted;
}

/// One case. All inputs but the first become constants, as weights are, unless the operator joins tensors.
void run_case(const fs::path& folder) {
  const std::string bytes = read_file(folder / "model.onnx");
  OnnxModel model = parse_onnx_model(bytes, no_files);
  std::deque<std::string> files;
  const fs::path data = folder / "test_data_set_0";
  const auto tensor = [&](const std::string& name) {
    return parse_onnx_tensor(files.emplace_back(read_file(data / name)), no_files);
  };
  std::vector<OnnxTensor> inputs{tensor("input_0.pb")};
  for (size_t i = 1; i < model.inputs.size(); ++i) {
    if (const std::string name = "input_" + std::to_string(i) + ".pb"; fs::exists(data / name)) inputs.push_back(tensor(name));
    if (model.nodes[0].kind == "Concat" || inputs.size() <= i) continue;
    model.initializers.push_back(inputs[i]);
    model.initializers.back().name = model.inputs[i].name;
  }
  if (model.outputs.size() > 1 && model.nodes[0].kind != "Split") model.outputs.resize(1);
  const Graph graph = onnx_graph(model, {.constant_bytes = size_t{1} << 30});
  const OnnxTensor output = tensor("output_0.pb");
  const Value& value = graph.value(graph.outputs[0]);
  const std::vector<float> results = results_of(graph, inputs);
  std::vector<float> wanted = wanted_of(value, output);
  for (size_t i = 1; i < graph.outputs.size(); ++i) {
    const auto more = wanted_of(graph.value(graph.outputs[i]), tensor("output_" + std::to_string(i) + ".pb"));
    wanted.insert(wanted.end(), more.begin(), more.end());
  }
  ASSERT_EQ(results.size(), wanted.size()) << folder;
  const float tolerance = output.type == OnnxType::float16 ? 1e-3f : 1e-4f;  // which slimpilot computes in float32
  for (size_t i = 0; i < wanted.size(); ++i)
    if (results[i] != wanted[i]) {
      ASSERT_NEAR(results[i], wanted[i],
                  tolerance * std::max(1.f, std::abs(wanted[i])) + (value.quantization ? value.quantization->scale[0] : 0))
          << folder << " element " << i;
    }
}

/// What slimpilot reads, and how many of the test cases with this operator alone agree and are refused. These are refused for
/// other ranks, integers without scales, dilation, windows beyond an image and the like; none may be
/// wrong.
struct Claim {
  std::string_view kind;
  int passed, refused;
};
constexpr Claim kClaims[] = {{"Add", 2, 5},           {"AveragePool", 11, 7},  {"BatchNormalization", 7, 2},
                             {"Cast", 12, 8},         {"Clip", 6, 6},          {"Concat", 13, 0},
                             {"Constant", 0, 0},      {"Conv", 20, 13},        {"DequantizeLinear", 1, 1},
                             {"Div", 3, 1},           {"Dropout", 6, 6},       {"Elu", 1, 3},
                             {"Flatten", 11, 0},      {"Gemm", 8, 4},          {"GlobalAveragePool", 2, 0},
                             {"GlobalMaxPool", 2, 0}, {"HardSigmoid", 3, 0},   {"Identity", 1, 2},
                             {"LeakyRelu", 5, 0},     {"LSTM", 0, 4},          {"MatMul", 1, 2},
                             {"MaxPool", 11, 13},     {"Mul", 3, 1},           {"Pad", 1, 7},
                             {"QLinearConv", 1, 0},   {"QLinearMatMul", 1, 1}, {"QuantizeLinear", 1, 1},
                             {"ReduceMax", 0, 8},     {"ReduceMean", 0, 10},   {"Relu", 2, 0},
                             {"Reshape", 9, 1},       {"Sigmoid", 3, 0},       {"Slice", 6, 2},
                             {"Softmax", 10, 0},      {"Split", 7, 1},         {"Squeeze", 2, 0},
                             {"Sub", 3, 1},           {"Tanh", 3, 0},          {"Transpose", 8, 0},
                             {"Unsqueeze", 8, 0}};

/// The operator of a case with one node; of others "several", if all are claimed.
std::optional<std::string> kind_of(const fs::path& folder) {
  const std::string bytes = read_file(folder / "model.onnx");
  const OnnxModel model = parse_onnx_model(bytes, no_files);
  const auto claimed = [](const OnnxNode& node) { return std::ranges::count(kClaims, node.kind, &Claim::kind) > 0; };
  if (model.nodes.empty() || !std::ranges::all_of(model.nodes, claimed) || !fs::exists(folder / "test_data_set_0/input_0.pb"))
    return std::nullopt;
  return model.nodes.size() == 1 ? model.nodes[0].kind : "several";
}

TEST(OnnxTestCases, ThatAreReadAgree) {
  const fs::path root = "/usr/share/libonnx-testdata/data";
  if (!fs::exists(root)) GTEST_SKIP() << "libonnx-testdata is not installed; scripts/install_packages does it";
  std::map<std::string, Claim, std::less<>> counted;
  for (const char* part : {"node", "pytorch-converted", "pytorch-operator"})
    for (const auto& entry : fs::directory_iterator(root / part)) {
      std::optional<std::string> kind;
      try {
        kind = kind_of(entry.path());
        if (!kind) continue;
        run_case(entry.path());
        ++counted[*kind].passed;
      } catch (const Error& error) {
        if (!kind) continue;
        ++counted[*kind].refused;
        EXPECT_NE(std::string(error.what()).find('\''), std::string::npos) << error.what();  // it names the node or the tensor
      }
    }
  for (const Claim& claim : kClaims) {
    const Claim& count = counted[std::string(claim.kind)];
    std::cout << claim.kind << ": " << count.passed << " agree, " << count.refused << " refused\n";
    EXPECT_GE(count.passed, claim.passed) << claim.kind;
    EXPECT_EQ(count.passed + count.refused, claim.passed + claim.refused) << claim.kind;
  }
}

}  // namespace
}  // namespace slimpilot
