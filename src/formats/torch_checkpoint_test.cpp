// SPDX-License-Identifier: Apache-2.0
// The PyTorch importer part by part: pickles written by hand, tensors described by hand, and what a file may not do.
#include "formats/torch_checkpoint.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "base/error_test.h"
#include "base/random.h"
#include "formats/torch_checkpoint_zip.h"
#include "host/atomic_file.h"

namespace slimpilot {
namespace {

using namespace std::string_literals;

std::string golden(const std::string& name) {
  return read_file(std::filesystem::path(SOURCE_DIR) / "tests/golden/torch" / name);
}

std::string pickle_error(const std::string& bytes) {
  return error_of([&] { parse_pickle(bytes); });
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

const Value& value_named(const Graph& graph, const std::string& name) {
  for (const Value& value : graph.values)
    if (value.name == name) return value;
  throw Error("no value " + name);
}

/// A state dictionary with one float32 tensor 'w' in storage '0' of `elements`; numbers below 256.
std::string one_tensor(char elements, char offset, const std::string& shape, const std::string& stride) {
  return "\x80\x02}X\x01\0\0\0w"s + "ctorch._utils\n_rebuild_tensor_v2\n(" +
         "(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0"
         "0X\x03\0\0\0cpuK"s +
         elements + "tQK" + offset + "(" + shape + "t(" + stride +
         "t\x89"
         "ccollections\nOrderedDict\n)RtRs.";
}

TEST(TorchPickle, ReadsNumbersAndContainers) {
  const std::string bytes = "\x80\x04(NK\x05M\x01\x02J\xff\xff\xff\xff\x8a\x03\0\0\x80G\x3f\xf8\0\0\0\0\0\0\x88]K\x07\x61t."s;
  const Pickle pickle = parse_pickle(bytes);
  const PickleObject& root = pickle[pickle.root];
  ASSERT_EQ(root.kind, PickleKind::tuple);
  ASSERT_EQ(root.items.size(), 8u);
  const auto item = [&](size_t i) { return pickle[root.items[i]]; };
  EXPECT_EQ(item(0).kind, PickleKind::none);
  EXPECT_EQ(item(1).integer, 5);
  EXPECT_EQ(item(2).integer, 513);
  EXPECT_EQ(item(3).integer, -1);
  EXPECT_EQ(item(4).integer, -8388608);
  EXPECT_EQ(item(5).real, 1.5);
  EXPECT_EQ(item(6).kind, PickleKind::boolean);
  EXPECT_EQ(pickle[item(7).items[0]].integer, 7);
  EXPECT_EQ(pickle.length, bytes.size());
}

TEST(TorchPickle, NeverCallsWhatItNames) {
  const std::string bytes =
      "\x80\x02"
      "cos\nsystem\nX\x04\0\0\0true\x85R."s;
  const Pickle pickle = parse_pickle(bytes);
  EXPECT_EQ(pickle[pickle.root].kind, PickleKind::call);
  EXPECT_TRUE(pickle.is_global(pickle[pickle.root].items[0], "os", "system"));
  EXPECT_TRUE(contains(error_of([&] { torch_state(pickle, 1000); }), "holds no tensors"));
}

TEST(TorchPickle, RefusesBrokenStreams) {
  EXPECT_TRUE(contains(pickle_error(""), "cut off"));
  EXPECT_TRUE(contains(pickle_error("\x80\x02X\xff\xff\xff\xff"), "cut off"));
  EXPECT_TRUE(contains(pickle_error("\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\xff"), "cut off"));
  EXPECT_TRUE(contains(pickle_error("\x80\x05."), "protocol 5"));
  EXPECT_TRUE(contains(pickle_error("."), "not there"));
  EXPECT_TRUE(contains(pickle_error("N(0."), "not there"));
  EXPECT_TRUE(contains(pickle_error("t."), "mark"));
  EXPECT_TRUE(contains(pickle_error("h\x07."), "never remembered"));
  EXPECT_TRUE(contains(pickle_error("}(Nu."), "no value"));
  EXPECT_TRUE(contains(pickle_error("]NNs."), "no such container"));
  EXPECT_TRUE(contains(pickle_error("Ios.system\n."), "opcode 73"));
  EXPECT_TRUE(contains(pickle_error(std::string(2'000'000, 'N')), "more than 1048576 objects"));
}

TEST(TorchPickle, DoesNotMultiplyAListOfPairs) {
  std::string bytes = "ccollections\nOrderedDict\nq\0]q\1("s;
  for (int i = 0; i < 2000; ++i) bytes += "NN\x86";
  bytes += "e\x85q\2"s;
  for (int i = 0; i < 2000; ++i) bytes += "h\0h\2R0"s;
  EXPECT_TRUE(contains(pickle_error(bytes + "."), "copied too often"));
}

TEST(TorchPickle, AllowsCircles) {
  const std::string bytes = "}q\x01X\x05\0\0\0modelh\x01s."s;
  const Pickle pickle = parse_pickle(bytes);
  EXPECT_TRUE(contains(error_of([&] { torch_state(pickle, 1000); }), "holds no tensors"));
}

TEST(TorchState, TakesViewsInsideTheirStorageOnly) {
  const auto state = [](const std::string& pickle, uint64_t limit = 1000) { return torch_state(parse_pickle(pickle), limit); };
  const std::string bytes = one_tensor(7, 1, "K\x02K\x03", "K\x01K\x02");  // the tensors point into it
  const std::vector<TorchTensor> tensors = state(bytes);
  ASSERT_EQ(tensors.size(), 1u);
  EXPECT_EQ(shape_text(tensors[0]), "2x3");
  const float numbers[] = {0, 1, 2, 3, 4, 5, 6};
  const std::string_view storage(reinterpret_cast<const char*>(numbers), sizeof(numbers));
  EXPECT_EQ(tensor_values(tensors[0], storage), (std::vector<float>{1, 3, 5, 2, 4, 6}));

  const auto error = [&](const std::string& pickle) { return error_of([&] { state(pickle); }); };
  EXPECT_TRUE(contains(error(one_tensor(6, 1, "K\x02K\x03", "K\x01K\x02")), "reaches beyond its storage"));
  EXPECT_TRUE(contains(error(one_tensor(6, 6, "", "")), "reaches beyond its storage"));
  EXPECT_TRUE(contains(error(one_tensor(6, 0, "K\x02", "J\xff\xff\xff\xff")), "no proper shape"));
  EXPECT_TRUE(contains(error(one_tensor(6, 0, "K\x02", "")), "strides"));
  EXPECT_TRUE(contains(error(one_tensor(6, 0, "J\xff\xff\xff\x7fJ\xff\xff\xff\x7f", "K\0K\0"s)), "much larger than the file"));
}

TEST(TorchGraph, TurnsTheWeightsAround) {
  const Graph graph = parse_torch_checkpoint(golden("lstm.pth"));
  // Read with PyTorch: clstm_n.cell_list.2.conv.weight, 8x3x5x5 with one input and two filters, [7, 2, 1, 4] (gate g, hidden
  // channel 1) and [4, 0, 3, 2] (gate o, input).
  EXPECT_EQ(value_named(graph, "conv_lstm3/recurrent_kernel").elements<float>()[((5 * 5 + 1) * 5 + 4) * 2 + 1],
            -0.2496560961008072f);
  EXPECT_EQ(value_named(graph, "conv_lstm3/kernel").elements<float>()[(6 * 5 + 3) * 5 + 2], 0.2383306324481964f);
  EXPECT_TRUE(graph.preprocessing.resize);
  EXPECT_EQ(graph.preprocessing.crop_bottom, 480);
  EXPECT_EQ(graph.preprocessing.scale[1], 1.0f / 255);
  EXPECT_EQ(graph.meaning.size(), 2u);
}

/// The tensors of a DeepestLSTMTinyPilotNet, to be spoiled.
std::vector<TorchTensor> lstm_tensors() {
  std::vector<TorchTensor> tensors;
  const auto add = [&](const std::string& name, std::vector<int64_t> shape) {
    tensors.push_back({.name = name + ".bias", .shape = {shape[0]}, .storage_type = "FloatStorage", .storage_elements = 1});
    tensors.push_back(tensors.back());
    tensors.back().name = name + ".weight";
    tensors.back().shape = std::move(shape);
  };
  for (const int i : {1, 2, 3}) add("cn_" + std::to_string(i), {8, i == 1 ? 3 : 8, 3, 3});
  for (const int i : {0, 1, 2}) add("clstm_n.cell_list." + std::to_string(i) + ".conv", {32, 16, 5, 5});
  add("fc_1", {50, 440});
  add("fc_2", {10, 50});
  add("fc_3", {2, 10});
  return tensors;
}

TorchTensor& named(std::vector<TorchTensor>& tensors, const std::string& name) {
  for (TorchTensor& tensor : tensors)
    if (tensor.name == name) return tensor;
  throw Error("no tensor " + name);
}

TEST(TorchGraph, SaysWhatDoesNotFit) {
  const auto error = [](const auto& spoil) {
    std::vector<TorchTensor> tensors = lstm_tensors();
    spoil(tensors);
    return error_of([&] { torch_graph(tensors, [](const std::string&, uint64_t) -> std::string { throw Error("reads"); }); });
  };
  const auto shape_error = [&](const std::string& name, const std::vector<int64_t>& shape) {
    return error([&](auto& tensors) { named(tensors, name).shape = shape; });
  };
  EXPECT_EQ(error([](auto&) {}), "reads");
  EXPECT_TRUE(contains(shape_error("cn_1.weight", {8, 6, 3, 3}), "images of 6 channels"));
  EXPECT_TRUE(contains(shape_error("cn_2.weight", {8, 8, 5, 5}),
                       "cn_2.weight is 8x8x5x5 where a deepest_lstm_tiny_pilotnet has 8x8x3x3"));
  EXPECT_TRUE(contains(shape_error("cn_3.bias", {9}), "cn_3.bias is 9"));
  EXPECT_TRUE(contains(shape_error("cn_1.weight", {}), "cn_1.weight has no elements"));
  EXPECT_TRUE(contains(shape_error("fc_1.weight", {50, 680}), "another image size"));
  EXPECT_TRUE(contains(error([](auto& tensors) { tensors.pop_back(); }), "lacks fc_3.weight"));
  EXPECT_TRUE(contains(error([](auto& tensors) { tensors.push_back({.name = "hlc.weight"}); }), "has a hlc.weight"));
  EXPECT_TRUE(contains(error([](auto& tensors) {
                         tensors = {{.name = "backbone.0.weight", .shape = {4, 3}}};
                       }),
                       "is no network that slimpilot knows. It holds 1 tensors (backbone.0.weight 4x3)"));
}

TEST(TorchCheckpoint, TellsOtherFilesApart) {
  const auto error = [](const std::string& bytes) { return error_of([&] { parse_torch_checkpoint(bytes); }); };
  EXPECT_TRUE(contains(error(golden("whole_module.pth")), "whole pickled module (Linear)"));
  EXPECT_TRUE(contains(error("\x89HDF"), "HDF5"));
  EXPECT_TRUE(contains(error(""), "no file of torch.save"));
  EXPECT_TRUE(contains(error("PK"), "cut off or damaged"));
}

TEST(TorchCheckpoint, SurvivesDamage) {
  Random random(1);
  for (const char* name : {"pilotnet.pth", "legacy.pth", "training.ckpt"}) {
    const std::string whole = golden(name);
    for (int i = 0; i < 300; ++i) {
      std::string bytes = whole;
      for (int k = 0; k < 8; ++k) bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
      error_of([&] { parse_torch_checkpoint(bytes); });
    }
  }
}

}  // namespace
}  // namespace slimpilot
