// SPDX-License-Identifier: Apache-2.0
// The Keras importer on edited copies of what the golden models of tests/golden/keras say of their layers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>

#include "formats/keras_graph.h"
#include "formats/keras_test.h"

namespace slimpilot {
namespace {

/// What a golden .h5 or .keras file holds, with `from` in its configuration replaced by `to`.
KerasFile edited(const std::string& name, const std::string& from, const std::string& to) {
  KerasFile file = name.ends_with(".keras") ? load_keras_archive(golden(name)) : load_keras_file(golden(name));
  const size_t place = file.model_config.find(from);
  EXPECT_NE(place, std::string::npos) << from;
  file.model_config.replace(place, from.size(), to);
  return file;
}

using Lambdas = decltype(ReadOptions::lambdas);

struct Edit {
  const char *golden, *from, *to, *error;
};

void expect_errors(std::span<const Edit> edits) {
  for (const Edit& edit : edits) {
    const bool has_lambda = std::string_view(edit.golden) == "keras1.h5";
    const std::string error = error_of([&] {
      keras_graph(edited(edit.golden, edit.from, edit.to), {.lambdas = has_lambda ? Lambdas{{"lambda_1", {}}} : Lambdas{}});
    });
    EXPECT_NE(error.find(edit.error), std::string::npos) << edit.golden << " with " << edit.to << " gives: " << error;
  }
}

TEST(KerasConfig, NamesLayerAndProperty) {
  const Edit edits[] = {
      {"convolutions.h5", R"("groups": 1)", R"("groups": 3)", "layer 'conv2d' (Conv2D): groups is 3; slimpilot supports 1"},
      {"convolutions.h5", R"("dilation_rate": [1, 1])", R"("dilation_rate": [2, 1])", "dilation_rate is [2,1]"},
      {"convolutions.h5", R"("channels_last")", R"("channels_first")", "data_format is \"channels_first\""},
      {"convolutions.h5", R"("dtype": "float32", "batch)", R"("dtype": "float16", "batch)", "dtype is \"float16\""},
      {"convolutions.h5", R"("padding": "valid")", R"("padding": "causal")", "padding is \"causal\""},
      {"convolutions.h5", R"("activation": "relu")", R"("activation": "selu")", "activation is \"selu\""},
      {"convolutions.h5", R"("filters": 3)", R"("filters": 5)",
       "layer 'conv2d': kernel is 3x2x2x3, the configuration wants 3x2x2x5"},
      {"convolutions.h5", R"("filters": 3)", R"("filters": 1e3)", "filters is 1000.0"},
      {"convolutions.h5", R"("filters": 3)", R"("filters": 99999999999999999999)", "filters is 1e+20"},
      {"convolutions.h5", R"("filters": 3, )", "", "has no filters"},
      {"convolutions.h5", R"("kernel_size": [3, 2])", R"("kernel_size": [3, 2, 1])", "kernel_size is [3,2,1]"},
      {"convolutions.h5", R"("use_bias": true)", R"("use_bias": false)", "layer 'conv2d': has 2 weight arrays instead of 1"},
      {"convolutions.h5", R"("use_bias": false)", R"("use_bias": true)", "layer 'conv2d_1': the file has no bias for it"},
      {"convolutions.h5", R"([null, 9, 8, 2])", R"([null, null, 8, 2])", "input's shape is left open"},
      {"convolutions.h5", R"([null, 9, 8, 2])", R"([null, 1000000, 1000000, 2])", "absurdly large"},
      {"convolutions.h5", R"("class_name": "Flatten")", R"("class_name": "GRU")", "layer 'flatten' (GRU): slimpilot does not"},
      {"convolutions.h5", R"("class_name": "Flatten")", R"("class_name": "Dropout")",
       "layer 'dense': kernel is 32x5, the configuration wants 4x5"},
      {"convolutions.h5", R"("name": "dense_1")", R"("name": "dense")", "two layers are named 'dense'"},
      {"convolutions.h5", R"("name": "dense_1")", R"("name": "dense_9")", "weights for a layer 'dense_1'"},
      {"convolutions.h5", R"("class_name": "Sequential")", R"("class_name": "Graph")", "a \"Graph\" model"},
      {"convolutions.h5", R"({"class_name")", R"(["class_name")", "no JSON"},
      {"conv_lstm.h5", R"("stateful": false)", R"("stateful": 1)", "layer 'conv_lstm2d' (ConvLSTM2D): stateful is 1"},
      {"conv_lstm.h5", R"("go_backwards": false)", R"("go_backwards": true)", "go_backwards is true"},
      {"conv_lstm.h5", R"("return_state": false)", R"("return_state": true)", "return_state is true"},
      {"conv_lstm.h5", R"([2, 3, -1, 3])", R"([2, -1, -1, 3])", "more than one extent open"},
      {"conv_lstm.h5", R"([2, 3, -1, 3])", R"([2, 5, -1, 3])", "cannot make 1x2x5x1x3"},
      {"conv_lstm.h5", R"([2, 3, -1, 3])", R"([1000000, 1000000, 1000000, 1000000])", "cannot make"},
      {"batch_norm.h5", R"("axis": [3])", R"("axis": [1])", "layer 'batch_normalization': axis is 1"},
      {"activations.h5", R"("alpha": 1.0)", R"("alpha": 0.5)", "layer 'elu' (ELU): alpha is 0.5"},
      {"activations.h5", R"("max_value": 6.0)", R"("max_value": 3.0)", "layer 're_lu_1' (ReLU): max_value is 3.0"},
      {"pools.h5", R"([[1, 2], [0, 3]])", R"([[1, 2], [0, -3]])", "layer 'zero_padding2d' (ZeroPadding2D): padding is -3"},
      {"pools.h5", R"([[1, 0], [1, 1]])", R"([[3, 0], [1, 1]])", "layer 'cropping2d' (Crop2D): nothing is left"},
      {"keras1.h5", R"("dim_ordering": "tf")", R"("dim_ordering": "th")", "data_format is \"th\""},
  };
  expect_errors(edits);
}

TEST(KerasConfig, NamesWhatIsWrongWithBranches) {
  const Edit edits[] = {
      {"nested.h5", R"(["conv", 0, 0)", R"(["conv", 7, 0)", "takes a result that no layer before it yields"},
      {"nested.h5", R"("input_layers": [["input_)", R"("input_layers": [["conv_)", "is no InputLayer"},
      {"donkey_linear.h5", R"("output_layers": [["n_outputs0")", R"("output_layers": [["n_outputs9")",
       "output 'n_outputs9' is computed by no layer"},
      {"donkey_linear.h5", R"("name": "conv2d_2")", R"("name": "conv2d_1")", "two layers are named 'conv2d_1'"},
      {"donkey_linear.h5", R"([["img_in", 0, 0, {}]])", R"([["conv2d_1", 0, 0, {}]])", "takes a result that no layer before"},
      {"donkey_linear.h5", R"([["img_in", 0, 0, {}]])", R"([["img_in", 0, 0, {"y": 3}]])", "passes 3 to a layer"},
      {"donkey_linear.h5", R"([["img_in", 0, 0, {}]])", R"([["img_in", 0, 0, {}], ["img_in", 0, 0, {}]])",
       "layer 'conv2d_1' (Conv2D): takes 2 inputs; slimpilot supports one"},
      {"donkey_linear.h5", R"("class_name": "Dropout")", R"("class_name": "InputLayer")", "is an InputLayer in the middle"},
      {"donkey_categorical.keras", R"("keras_history": ["img_in", 0, 0])", R"("keras_history": ["img_in", 0])",
       "passes a tensor without a history"},
      {"donkey_categorical.keras", R"("filters": 3)", R"("filters": 4)", "layer 'conv2d_1': kernel is 5x5x3x3"},
      {"branches.h5", R"("depth_multiplier": 1)", R"("depth_multiplier": 2)", "depth_multiplier is 2"},
      {"branches.h5", R"("dims": [2, 3, 1])", R"("dims": [2, 3])", "layer 'permute': dims do not fit"},
      {"branches.h5", R"("dims": [2, 3, 1])", R"("dims": [2, 2, 1])", "no permutation"},
      {"branches.h5", R"("axis": [-1], "invert")", R"("axis": [1], "invert")", "axis is [1]"},
      {"branches.h5", R"("offset": [-0.5, 0.25, 0.0])", R"("offset": [-0.5, 0.25])", "has 2 numbers for 3 channels"},
      {"branches.h5", R"("class_name": "Multiply")", R"("class_name": "Maximum")", "(Maximum): slimpilot does not"},
      {"sequences.h5", R"([null, 4, 8, 9, 2])", R"([null, 1, 8, 9, 2])", "a window of 2 frames does not fit into 1"},
      {"sequences.h5", R"("kernel_size": [2, 3, 3])", R"("kernel_size": [2, 3])", "kernel_size is [2,3]"},
      {"sequences.h5", R"("class_name": "TimeDistributed")", R"("class_name": "Bidirectional")", "does not support"},
      {"keras1_branches.h5", R"("mode": "concat")", R"("mode": "dot")",
       "mode is \"dot\"; slimpilot supports concat, sum and mul"},
      {"quantized.h5", R"("class_name": "QuantizeWrapperV2")", R"("class_name": "QuantizeWrapperV9")", "does not support"},
  };
  expect_errors(edits);
}

TEST(KerasGraph, KeepsTheStateOfStatefulLayers) {
  const Graph graph = keras_graph(edited("recurrent_sequences.h5", R"("stateful": false)", R"("stateful": true)"), {});
  EXPECT_EQ(std::ranges::count_if(graph.nodes, [](const Node& node) { return keeps_state(node.op); }), 1);
}

/// Donkey Car's heads are outputs in the order in which the model names them.
TEST(KerasGraph, KeepsTheOrderOfHeads) {
  const Graph graph = read_model(golden("donkey_linear.h5"));
  ASSERT_EQ(graph.outputs.size(), 2u);
  EXPECT_EQ(graph.value(graph.outputs[0]).name, "n_outputs0");
  EXPECT_EQ(graph.value(graph.outputs[1]).name, "n_outputs1");
}

TEST(KerasGraph, SaysThatRangesAreLeftAside) {
  std::string notes;
  read_model(golden("quantized.h5"), {.lambdas = {}, .note = [&](const std::string& note) { notes += note; }});
  EXPECT_EQ(
      notes,
      "was trained quantization-aware (4 layers): its weights are read, its ranges are not; calibrate it as any other network");
}

/// Models that hold each other's calls ten times over, without a layer to count.
TEST(KerasConfig, RefusesModelsThatMultiply) {
  std::string model =
      R"({"class_name": "Sequential", "config": {"name": "m", "layers": [{"class_name": "InputLayer", "config": {"name": "i", "batch_shape": [null, 3]}}]}})";
  for (int depth = 0; depth < 7; ++depth) {
    std::string calls,
        layers = R"({"class_name": "InputLayer", "config": {"name": "i", "batch_shape": [null, 3]}, "inbound_nodes": []}, )";
    for (int i = 0; i < 10; ++i) calls += std::string(i ? ", " : "") + R"([["i", 0, 0, {}]])";
    model.insert(model.size() - 1, R"(, "name": "m", "inbound_nodes": [)" + calls + "]");
    model = R"({"class_name": "Functional", "config": {"name": "m", "layers": [)" + layers + model +
            R"(], "input_layers": [["i", 0, 0]], "output_layers": [["m", 0, 0]]}})";
  }
  EXPECT_EQ(error_of([&] { keras_graph({.model_config = model}, {}); }), "model_config describes too many layers");
}

TEST(KerasConfig, TakesEveryFormOfEdges) {
  for (const char* padding : {"2", "[2, 2]", "[2, 2, 2, 2]", "[[2, 2], [2, 2]]",
                              R"({"top_pad": 2, "bottom_pad": 2, "left_pad": 2, "right_pad": 2})"}) {
    KerasFile file{.model_config = R"([{"class_name": "ZeroPadding2D", "config": {"name": "pad", "padding": )" +
                                   std::string(padding) + R"(, "batch_input_shape": [null, 3, 4, 1]}}])"};
    file.model_config = R"({"class_name": "Sequential", "config": )" + file.model_config + "}";
    const Graph graph = keras_graph(file, {});
    EXPECT_EQ(std::get<Pad2D>(graph.nodes[0].op), (Pad2D{2, 2, 2, 2})) << padding;
  }
}

TEST(KerasConfig, RefusesKeras3sHardSigmoid) {
  KerasFile file = load_keras_file(golden("activations.h5"));
  file.keras_version = "3.5.0";
  EXPECT_NE(error_of([&] { keras_graph(file, {}); }).find("layer 'dense' (Dense): activation is hard_sigmoid, which Keras 3"),
            std::string::npos);
}

TEST(KerasConfig, SurvivesDepth) {
  KerasFile file{.model_config = std::string(1'000'000, '[')};
  EXPECT_EQ(error_of([&] { keras_graph(file, {}); }), "model_config is nested too deeply");
}

TEST(KerasGraph, RefusesWeightsThatAreNoNumbers) {
  KerasFile file = load_keras_file(golden("batch_norm.h5"));
  file.layers[0].tensors[3].values[1] = -1;
  EXPECT_NE(error_of([&] { keras_graph(file, {}); }).find("moving_variance + epsilon is not positive"), std::string::npos);
  file.layers[0].tensors[3].values[1] = std::nanf("");
  EXPECT_NE(error_of([&] { keras_graph(file, {}); }).find("NaN"), std::string::npos);
}

}  // namespace
}  // namespace slimpilot
