// SPDX-License-Identifier: Apache-2.0
// The Keras importer on the golden models of tests/golden/keras, on edited copies of what they hold, and on hostile files.
#include <gtest/gtest.h>
#include <hdf5.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/random.h"
#include "formats/formats.h"
#include "formats/keras_graph.h"
#include "formats/zip_archive.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

namespace fs = std::filesystem;

fs::path golden(const std::string& name) { return fs::path(SOURCE_DIR) / "tests/golden/keras" / name; }

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A file of this process in the temporary folder, gone at the end.
class ScratchFile {
 public:
  explicit ScratchFile(const std::string& bytes, const std::string& ending = ".h5")
      : path_(fs::temp_directory_path() / ("keras_h5_test_" + std::to_string(::getpid()) + ending)) {
    write(bytes);
  }
  ~ScratchFile() { fs::remove(path_); }
  void write(const std::string& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

template <class F>
std::string error_of(const F& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::string read_error(const fs::path& path, const ReadOptions& options = {}) {
  return error_of([&] { path.extension() == ".keras" ? read_keras_archive(path, options) : read_keras_h5(path, options); });
}

const Value& value_named(const Graph& graph, const std::string& name) {
  for (const Value& value : graph.values)
    if (value.name == name) return value;
  throw Error("no value " + name);
}

TEST(KerasH5, ReadsEveryGolden) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator(golden(""))) {
    if (entry.path().extension() != ".json") continue;
    SCOPED_TRACE(entry.path());
    const auto expected = nlohmann::json::parse(contents(entry.path()));
    ReadOptions options;
    for (const auto& [name, numbers] : expected["lambdas"].items()) options.lambdas[name] = {numbers[0], numbers[1]};
    for (const char* ending : {".h5", ".keras"}) {
      const fs::path path = fs::path(entry.path()).replace_extension(ending);
      if (!fs::exists(path)) continue;
      const Graph graph = read_model(path, options);
      EXPECT_EQ(graph.name, entry.path().stem());
      ASSERT_EQ(graph.inputs.size(), 1u);
      EXPECT_EQ(graph.value(graph.inputs[0]).shape, expected["input_shape"].get<Shape>());
      int64_t results = 0;
      for (const ValueId id : graph.outputs) results += element_count(graph.value(id).shape);
      EXPECT_EQ(results, static_cast<int64_t>(expected["output"].size()));
      ++count;
    }
  }
  EXPECT_EQ(count, 26);
}

TEST(KerasH5, NamesNodesLikeLayers) {
  EXPECT_EQ(to_text(read_keras_h5(golden("convolutions.h5"), {})),
            "input conv2d_input:f32[1x9x8x2]\n"
            "conv2d:f32[1x4x7x3] = Conv2D stride 2x1 valid linear (conv2d_input:f32[1x9x8x2], conv2d/kernel:f32[3x3x2x2], "
            "conv2d/bias:f32[3])\n"
            "conv2d/relu:f32[1x4x7x3] = Activation relu (conv2d:f32[1x4x7x3])\n"
            "conv2d_1:f32[1x2x4x4] = Conv2D stride 2x2 same linear (conv2d/relu:f32[1x4x7x3], conv2d_1/kernel:f32[4x3x3x3], "
            "conv2d_1/bias:f32[4])\n"
            "conv2d_1/elu:f32[1x2x4x4] = Activation elu (conv2d_1:f32[1x2x4x4])\n"
            "flatten:f32[1x32] = Reshape (conv2d_1/elu:f32[1x2x4x4])\n"
            "dense:f32[1x5] = Dense linear (flatten:f32[1x32], dense/kernel:f32[5x32], dense/bias:f32[5])\n"
            "dense/tanh:f32[1x5] = Activation tanh (dense:f32[1x5])\n"
            "dense_1:f32[1x2] = Dense linear (dense/tanh:f32[1x5], dense_1/kernel:f32[2x5], dense_1/bias:f32[2])\n"
            "output dense_1:f32[1x2]\n");
}

TEST(KerasH5, TurnsTheWeightsAround) {
  const Graph graph = read_keras_h5(golden("conv_lstm.h5"), {});
  // Numbers read with h5py: conv2d kernel [2, 0, 1, 2] of 3×3×2×3, conv_lstm2d_1 recurrent kernel [1, 2, 0, 5] of 2×3×2×8,
  // dense kernel [3, 1] of 8×2.
  EXPECT_EQ(value_named(graph, "conv2d/kernel").elements<float>()[((2 * 3 + 2) * 3 + 0) * 2 + 1], 0.17947388f);
  EXPECT_EQ(value_named(graph, "conv_lstm2d_1/recurrent_kernel").elements<float>()[((5 * 2 + 1) * 3 + 2) * 2 + 0], 0.22792457f);
  EXPECT_EQ(value_named(graph, "dense/kernel").elements<float>()[1 * 8 + 3], 0.18192482f);
}

TEST(KerasH5, FillsInWhatALayerGoesWithout) {
  const Graph lstm = read_keras_h5(golden("conv_lstm.h5"), {});
  EXPECT_EQ(constant_as_floats(value_named(lstm, "conv_lstm2d_1/bias")), std::vector<float>(8, 0));
  const Graph norm = read_keras_h5(golden("batch_norm.h5"), {});
  EXPECT_EQ(constant_as_floats(value_named(norm, "batch_normalization_1/gamma")), std::vector<float>(4, 1));
  EXPECT_EQ(constant_as_floats(value_named(norm, "batch_normalization_2/beta")), std::vector<float>(4, 0));
}

TEST(KerasH5, ReplacesLambdasByOptionOnly) {
  const std::string path = golden("lambda.h5").string();
  EXPECT_EQ(read_error(path), path +
                                  ": layer 'normalize': is a Lambda, whose Python bytecode is never run; say what it "
                                  "computes, as x·scale + offset, with --lambda normalize=scale,offset");
  const Graph graph = read_keras_h5(path, {.lambdas = {{"normalize", {.scale = 0.5f, .offset = -1}}}});
  EXPECT_EQ(op_name(graph.nodes[0].op), "DepthwiseConv2D");
  EXPECT_EQ(constant_as_floats(value_named(graph, "normalize/scale")), std::vector<float>(3, 0.5f));
  EXPECT_EQ(constant_as_floats(value_named(graph, "normalize/offset")), std::vector<float>(3, -1));
  EXPECT_EQ(read_error(path, {.lambdas = {{"normalize", {}}, {"normalise", {}}}}),
            path + ": --lambda normalise: the model has no Lambda layer of this name");
}

/// What a golden .h5 or .keras file holds, with `from` in its configuration replaced by `to`.
KerasFile edited(const std::string& name, const std::string& from, const std::string& to) {
  KerasFile file = name.ends_with(".keras") ? load_keras_archive(golden(name)) : load_keras_file(golden(name));
  const size_t place = file.model_config.find(from);
  EXPECT_NE(place, std::string::npos) << from;
  file.model_config.replace(place, from.size(), to);
  return file;
}

struct Edit {
  const char *golden, *from, *to, *error;
};

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
  for (const Edit& edit : edits) {
    const std::string error = error_of([&] {
      const KerasFile file = edited(edit.golden, edit.from, edit.to);
      keras_graph(file, std::string(edit.golden) == "keras1.h5" ? ReadOptions{.lambdas = {{"lambda_1", {}}}} : ReadOptions{});
    });
    EXPECT_NE(error.find(edit.error), std::string::npos) << edit.to << " gives: " << error;
  }
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
  for (const Edit& edit : edits) {
    const std::string error = error_of([&] { keras_graph(edited(edit.golden, edit.from, edit.to), {}); });
    EXPECT_NE(error.find(edit.error), std::string::npos) << edit.golden << " with " << edit.to << " gives: " << error;
  }
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

TEST(KerasFile, RefusesWhatIsNoKerasModel) {
  EXPECT_NE(read_error(golden("no_such_file.h5")).find("no_such_file.h5: is no file"), std::string::npos);
  EXPECT_NE(read_error(golden("")).find("is no file"), std::string::npos);
  EXPECT_NE(read_error(golden("pools.json")).find("pools.json: is no HDF5 file"), std::string::npos);
  EXPECT_NE(read_error(ScratchFile("").path()).find("is no HDF5 file"), std::string::npos);
}

/// A copy of pools.h5 after `edit` has changed it, and the error it gives.
template <class F>
std::string error_after(const F& edit) {
  const ScratchFile file(contents(golden("pools.h5")));
  const hid_t id = H5Fopen(file.path().c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  edit(id);
  H5Fclose(id);
  return read_error(file.path());
}

constexpr char kGroup[] = "/model_weights/dense/dense", kKernel[] = "/model_weights/dense/dense/kernel:0";

TEST(KerasFile, RefusesHostileStructures) {
  const auto mentions = [](const std::string& error, const char* what) {
    EXPECT_NE(error.find(what), std::string::npos) << error;
  };
  mentions(error_after([](hid_t file) { H5Adelete(file, "model_config"); }), "holds no model_config");
  mentions(error_after([](hid_t file) { H5Ldelete(file, kKernel, H5P_DEFAULT); }), "the file has no 'dense/kernel:0'");
  mentions(error_after([](hid_t file) {
             H5Ldelete(file, kKernel, H5P_DEFAULT);
             H5Lcreate_soft(kKernel, file, kKernel, H5P_DEFAULT, H5P_DEFAULT);
           }),
           "is a link to another place");
  mentions(error_after([](hid_t file) {
             H5Ldelete(file, kKernel, H5P_DEFAULT);
             H5Lcreate_external("/etc/passwd", "/", file, kKernel, H5P_DEFAULT, H5P_DEFAULT);
           }),
           "is a link to another place");
  mentions(error_after([](hid_t file) {
             H5Ldelete(file, kKernel, H5P_DEFAULT);
             H5Lcreate_hard(file, kGroup, file, kKernel, H5P_DEFAULT, H5P_DEFAULT);
           }),
           "is no array");
}

/// The error when the dense layer's kernel is a dataset of this type and shape, without any data.
std::string error_with_kernel(hid_t type, std::vector<hsize_t> shape, bool external) {
  return error_after([&](hid_t file) {
    H5Ldelete(file, kKernel, H5P_DEFAULT);
    const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    if (external) H5Pset_external(properties, "/etc/passwd", 0, H5F_UNLIMITED);
    const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
    H5Dclose(H5Dcreate2(file, kKernel, type, space, H5P_DEFAULT, properties, H5P_DEFAULT));
  });
}

TEST(KerasFile, RefusesHostileArrays) {
  const auto mentions = [](const std::string& error, const char* what) {
    EXPECT_NE(error.find(what), std::string::npos) << error;
  };
  mentions(error_with_kernel(H5T_NATIVE_FLOAT, {1u << 30, 1u << 30}, false), "larger than the file can hold");
  mentions(error_with_kernel(H5T_NATIVE_FLOAT, {1u << 20, 20}, false), "larger than the file can hold");
  mentions(error_with_kernel(H5T_NATIVE_FLOAT, {12, 0}, false), "are empty");
  mentions(error_with_kernel(H5T_NATIVE_INT, {12, 2}, false), "are no real numbers");
  mentions(error_with_kernel(H5T_NATIVE_FLOAT, {12, 2}, true), "lies in another file");
  mentions(error_with_kernel(H5T_NATIVE_FLOAT, {2, 12}, false), "kernel is 2x12, the configuration wants 12x2");
}

TEST(KerasFile, SurvivesTruncation) {
  for (const char* name : {"pools.h5", "donkey_categorical.keras"}) {
    const std::string bytes = contents(golden(name));
    const ScratchFile file("", fs::path(name).extension());
    for (size_t i = 0; i < 100; ++i) {
      file.write(bytes.substr(0, bytes.size() * i / 100));
      EXPECT_NE(read_error(file.path()), "no error") << i;
    }
  }
}

TEST(KerasFile, SurvivesFlippedBytes) {
  Random random(1);
  for (const char* name : {"pools.h5", "donkey_categorical.keras"}) {
    const std::string original = contents(golden(name));
    const ScratchFile file("", fs::path(name).extension());
    for (int i = 0; i < 300; ++i) {
      std::string bytes = original;
      for (uint64_t flips = 1 + random.below(8); flips > 0; --flips)
        bytes[random.below(bytes.size())] = static_cast<char>(random.next());
      file.write(bytes);
      read_error(file.path());  // an Error or a graph that verify() accepts
    }
  }
}

/// The weights of a .keras file lie behind a checksum, so damage that gets as far as libhdf5 is made here.
TEST(KerasFile, SurvivesFlippedBytesOfWeights) {
  const std::string file = contents(golden("donkey_categorical.keras"));
  const std::string original = ZipArchive(file).read("model.weights.h5");
  Random random(1);
  for (int i = 0; i < 200; ++i) {
    std::string bytes = original;
    for (uint64_t flips = 1 + random.below(8); flips > 0; --flips)
      bytes[random.below(bytes.size())] = static_cast<char>(random.next());
    error_of([&] { load_keras_weights(bytes); });
  }
}

TEST(KerasFile, RefusesWhatIsNoKerasArchive) {
  const auto error = [](const std::string& bytes) { return read_error(ScratchFile(bytes, ".keras").path()); };
  EXPECT_NE(error("no zip").find("zip archive cannot be read"), std::string::npos);
  EXPECT_NE(error(contents(golden("pools.h5"))).find("zip archive cannot be read"), std::string::npos);
  EXPECT_NE(error(contents(golden("../torch/half.pt"))).find("it has no config.json"), std::string::npos);
}

TEST(KerasFile, SurvivesAGarbledAnswer) {
  const std::string bytes = encode_keras_file(load_keras_file(golden("pools.h5")));
  EXPECT_EQ(encode_keras_file(decode_keras_file(bytes)), bytes);
  for (size_t size = 0; size < bytes.size(); size += 7)
    EXPECT_NE(error_of([&] { decode_keras_file(bytes.substr(0, size)); }), "no error") << size;
  EXPECT_NE(error_of([&] { decode_keras_file(bytes + "x"); }), "no error");
}

}  // namespace
}  // namespace slimpilot
