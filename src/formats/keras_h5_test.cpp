// SPDX-License-Identifier: Apache-2.0
// The Keras importer on the golden models of tests/golden/keras and on hostile files.
#include <gtest/gtest.h>
#include <hdf5.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/random.h"
#include "formats/keras_graph.h"
#include "formats/keras_test.h"
#include "formats/zip_archive.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

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
