// SPDX-License-Identifier: Apache-2.0
// Weights without their zeros in TensorFlow Lite files: written where that is smaller, read back, refused where they
// lie; every form that the format has is in tflite_sparse_decode_test.cpp. That LiteRT computes the same from these files is
// checked in tests/parity.
#include "formats/tflite_sparse.h"

#include <gtest/gtest.h>
#include <tflite_generated.h>

#include "formats/formats.h"
#include "formats/tflite_common.h"
#include "formats/tflite_test.h"
#include "graph/edit.h"
#include "host/atomic_file.h"

namespace slimpilot {
namespace {

namespace fb = tflite_schema;

enum class Numbers { float32, float16, hybrid, int8, int16 };

struct Layer {
  Op op;
  Shape weights;
  double zeros = .8;  // share of the weights
};

/// Random numbers of which a share is zero; the others are not.
template <class T>
std::vector<T> weights_of(const Layer& layer, Random& random) {
  std::vector<T> numbers(static_cast<size_t>(element_count(layer.weights)));
  for (T& number : numbers)
    if (random.uniform(0, 1) >= layer.zeros) number = static_cast<T>(random.uniform(1, 100));
  return numbers;
}

ValueId add_integers(Graph& graph, const std::string& name, const Shape& shape, ElementType type) {
  const std::vector<std::byte> zeros(static_cast<size_t>(element_count(shape)) * element_size(type));
  graph.values.push_back({.name = name, .shape = shape, .type = type, .data = zeros});
  return static_cast<ValueId>(graph.values.size()) - 1;
}

/// The layers one behind the other; a dense layer behind an image gets it flattened.
Graph network(Numbers numbers, const Shape& image, const std::vector<Layer>& layers) {
  Graph graph;
  Random random(5);
  const bool integer = numbers >= Numbers::int8;
  const ElementType type = numbers == Numbers::int8    ? ElementType::s8
                           : numbers == Numbers::int16 ? ElementType::s16
                                                       : ElementType::f32;
  ValueId x = add_value(graph, "image", image, type);
  graph.inputs = {x};
  const auto like_input = [&](ValueId id) {
    graph.value(id).type = type;
    if (integer) graph.value(id).quantization = Quantization{{.05f}, {0}, -1};
    return id;
  };
  like_input(x);
  for (const Layer& layer : layers) {
    const std::string name = "layer" + std::to_string(&layer - layers.data());
    const int axis = std::holds_alternative<DepthwiseConv2D>(layer.op) ? 3 : 0;
    const int channels = layer.weights[static_cast<size_t>(axis)];
    if (std::holds_alternative<Dense>(layer.op) && graph.value(x).shape.size() != 2)
      x = like_input(append_node(graph, name + "/flat", Reshape{{1, layer.weights[1]}}, {x}));
    ValueId w, b;
    if (numbers == Numbers::float32) {
      w = add_constant(graph, name + "/weights", layer.weights, weights_of<float>(layer, random));
    } else if (numbers == Numbers::float16) {
      const auto halves = weights_of<uint16_t>(layer, random);
      w = add_constant(graph, name + "/weights", layer.weights, ElementType::f16, std::span<const uint16_t>(halves));
    } else {
      const auto integers = weights_of<int8_t>(layer, random);
      w = add_constant(graph, name + "/weights", layer.weights, ElementType::s8, std::span<const int8_t>(integers));
      const size_t count = static_cast<size_t>(channels);
      graph.value(w).quantization = Quantization{std::vector<float>(count, .01f), std::vector<int>(count, 0), axis};
    }
    if (integer) {
      b = add_integers(graph, name + "/bias", {channels}, type == ElementType::s8 ? ElementType::s32 : ElementType::s64);
      graph.value(b).quantization = graph.value(w).quantization;
      graph.value(b).quantization->axis = 0;
    } else {
      b = add_constant(graph, name + "/bias", {channels}, std::vector<float>(static_cast<size_t>(channels), .5f));
    }
    x = like_input(append_node(graph, name, layer.op, {x, w, b}));
  }
  graph.outputs = {x};
  return graph;
}

Graph dense_layer(Numbers numbers, int outputs, int inputs, double zeros) {
  return network(numbers, {1, inputs}, {{Dense{}, {outputs, inputs}, zeros}});
}

const fb::Model& model_of(const std::string& bytes) { return *fb::GetModel(bytes.data()); }

/// The names of the tensors that are stored sparsely.
std::vector<std::string> sparse_tensors(const std::string& bytes) {
  std::vector<std::string> names;
  for (const auto* tensor : *model_of(bytes).subgraphs()->Get(0)->tensors())
    if (tensor->sparsity()) names.push_back(tensor->name()->str());
  return names;
}

std::string packed(const fb::ModelT& model) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(fb::Model::Pack(builder, &model), "TFL3");
  return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

/// The bytes of a dense layer's file, 20×300, after `change` has edited its tables and the sparse tensor's.
template <class Change>
std::string edited(Change change) {
  fb::ModelT model;
  const std::string bytes = to_tflite(dense_layer(Numbers::float32, 20, 300, .8));
  model_of(bytes).UnPackTo(&model);
  for (const auto& tensor : model.subgraphs[0]->tensors)
    if (tensor->sparsity) {
      change(model, *tensor->sparsity);
      break;
    }
  return packed(model);
}

const std::vector<Layer> kTwoLayers = {{Conv2D{}, {40, 3, 3, 16}}, {Dense{}, {50, 6 * 4 * 40}}};

TEST(TfliteSparse, ReadsBackWhatItWrote) {
  const std::pair<Numbers, std::vector<std::string>> cases[] = {
      {Numbers::float32, {"layer0/weights", "layer1/weights"}},
      {Numbers::float16, {"layer0/weights", "layer1/weights"}},
      {Numbers::int16, {"layer0/weights", "layer1/weights"}},
      {Numbers::int8, {"layer0/weights"}},
      {Numbers::hybrid, {}},
  };
  for (const auto& [numbers, sparse] : cases) {
    const Graph graph = network(numbers, {1, 8, 6, 16}, kTwoLayers);
    const std::string bytes = to_tflite(graph);
    EXPECT_EQ(sparse_tensors(bytes), sparse) << static_cast<int>(numbers);
    EXPECT_TRUE(parse_tflite(bytes, "test.tflite") == graph) << static_cast<int>(numbers);
  }
}

TEST(TfliteSparse, WritesDepthwiseAndSharedWeightsOnce) {
  Graph graph = network(Numbers::float32, {1, 9, 9, 200}, {{DepthwiseConv2D{}, {1, 3, 3, 200}}});
  const Node first = graph.nodes[0];
  graph.outputs = {append_node(graph, "again", first.op, {first.output, first.inputs[1], first.inputs[2]})};
  const std::string bytes = to_tflite(graph);
  EXPECT_EQ(sparse_tensors(bytes), std::vector<std::string>{"layer0/weights"});
  EXPECT_EQ(model_of(bytes).subgraphs()->Get(0)->operators()->size(), 3u);
  EXPECT_TRUE(parse_tflite(bytes, "test.tflite") == graph);
}

TEST(TfliteSparse, ChoosesTheWidthOfIndices) {
  using fb::SparseIndexVector;
  for (const auto& [inputs, outputs, indices, segments] :
       {std::tuple{256, 4, SparseIndexVector::Uint8Vector, SparseIndexVector::Uint8Vector},
        {257, 40, SparseIndexVector::Uint16Vector, SparseIndexVector::Uint16Vector},
        {65536, 8, SparseIndexVector::Uint16Vector, SparseIndexVector::Int32Vector},
        {65537, 1, SparseIndexVector::Int32Vector, SparseIndexVector::Uint16Vector}}) {
    const Graph graph = dense_layer(Numbers::float32, outputs, inputs, .8);
    const std::string bytes = to_tflite(graph);
    const auto* sparsity = model_of(bytes).subgraphs()->Get(0)->tensors()->Get(1)->sparsity();
    ASSERT_NE(sparsity, nullptr) << inputs;
    EXPECT_EQ(sparsity->dim_metadata()->Get(1)->array_indices_type(), indices) << inputs;
    EXPECT_EQ(sparsity->dim_metadata()->Get(1)->array_segments_type(), segments) << inputs;
    EXPECT_TRUE(parse_tflite(bytes, "test.tflite") == graph) << inputs;
  }
}

TEST(TfliteSparse, WritesNoFileLarger) {
  for (const Numbers numbers : {Numbers::float32, Numbers::float16, Numbers::int16})
    for (const auto& [outputs, inputs] : {std::pair{2, 10}, {10, 60}, {100, 260}}) {
      const size_t dense = to_tflite(dense_layer(numbers, outputs, inputs, 0)).size();
      bool any = false;
      for (int percent = 0; percent <= 100; percent += 4) {
        const Graph graph = dense_layer(numbers, outputs, inputs, percent / 100.);
        const std::string bytes = to_tflite(graph);
        any |= !sparse_tensors(bytes).empty();
        EXPECT_LE(bytes.size(), dense) << outputs << "x" << inputs << " " << percent << " %";
        EXPECT_TRUE(parse_tflite(bytes, "test.tflite") == graph);
      }
      EXPECT_TRUE(any ? outputs > 2 : outputs < 100) << outputs << "x" << inputs;
    }
}

TEST(TfliteSparse, LeavesTheOtherLayersDense) {
  const std::vector<Layer> layers = {{Dense{}, {90, 60}, .1}, {Dense{}, {80, 90}, .7}, {Dense{}, {1, 80}, .9}};
  const Graph graph = network(Numbers::float32, {1, 60}, layers);
  const std::string bytes = to_tflite(graph);
  EXPECT_EQ(sparse_tensors(bytes), std::vector<std::string>{"layer1/weights"});
  EXPECT_TRUE(parse_tflite(bytes, "test.tflite") == graph);
}

TEST(TfliteSparse, KeepsNegativeZeros) {
  Graph graph = dense_layer(Numbers::float32, 50, 60, .9);
  graph.value(1).elements<float>()[17] = -0.f;
  const std::string bytes = to_tflite(graph);
  EXPECT_EQ(sparse_tensors(bytes).size(), 1u);
  EXPECT_TRUE(parse_tflite(bytes, "test.tflite") == graph);
}

TEST(TfliteSparse, LeavesDenseWhatUnpacksToTooMuch) {
  Graph graph = dense_layer(Numbers::float32, 2, 500'000, 1);
  graph.value(1).elements<float>()[17] = 1;
  const std::string bytes = to_tflite(graph);
  EXPECT_TRUE(sparse_tensors(bytes).empty());
  EXPECT_TRUE(parse_tflite(bytes, "test.tflite") == graph);
}

TEST(TfliteSparse, ReadsWeightsWithoutDensify) {
  const std::string bytes = edited([](fb::ModelT& model, const fb::SparsityParametersT&) {
    auto& operators = model.subgraphs[0]->operators;
    operators[1]->inputs[1] = operators[0]->inputs[0];
    operators.erase(operators.begin());
  });
  EXPECT_TRUE(parse_tflite(bytes, "test.tflite") == dense_layer(Numbers::float32, 20, 300, .8));
}

/// What TensorFlow 2.21's converter makes of one network with and without its sparsity, the dense layer in blocks of 1×4
/// (tests/golden/tflite/make_tflite_models.py).
TEST(TfliteSparse, ReadsWhatTensorFlowWrites) {
  const auto weights = [](const char* name) {
    const Graph graph = read_model(std::filesystem::path(SOURCE_DIR) / "tests/golden/tflite" / name);
    std::vector<std::vector<std::byte>> data;
    for (const Node& node : graph.nodes)
      if (node.inputs.size() == 3) data.push_back(graph.value(node.inputs[1]).data);
    return data;
  };
  EXPECT_EQ(weights("float16_sparse.tflite").size(), 2u);
  EXPECT_EQ(weights("float16_sparse.tflite"), weights("float16_dense.tflite"));
}

TEST(TfliteSparse, NamesTheTensorThatLies) {
  EXPECT_EQ(complaint(edited([](fb::ModelT&, fb::SparsityParametersT& s) { s.traversal_order[0] = 7; })),
            "test.tflite: tensor 1 'layer0/weights' is sparse, but its order repeats a dimension");
  EXPECT_EQ(complaint(edited([](fb::ModelT& model, const fb::SparsityParametersT&) {
              model.subgraphs[0]->tensors.back()->shape = {10, 600};
            })),
            "test.tflite: operator 0 (DENSIFY): changes more than the encoding");
  EXPECT_EQ(complaint(edited(
                [](fb::ModelT& model, const fb::SparsityParametersT&) { model.subgraphs[0]->operators[0]->inputs[0] = 0; })),
            "test.tflite: operator 0 (DENSIFY): only constants may be sparse");
}

TEST(TfliteSparse, RefusesSmallFilesThatUnpackToMuch) {
  for (const auto& asked : {std::pair{1, 500'000}, {50, 10'000}}) {  // tensors and their rows' length
    const std::string bytes = edited([&](fb::ModelT& model, const fb::SparsityParametersT& sparsity) {
      auto& tensors = model.subgraphs[0]->tensors;
      for (int i = 0; i < asked.first; ++i) {
        tensors.push_back(std::make_unique<fb::TensorT>());
        tensors.back()->shape = {20, asked.second};
        tensors.back()->sparsity = std::make_unique<fb::SparsityParametersT>(sparsity);
        tensors.back()->buffer = tensors[1]->buffer;
      }
    });
    EXPECT_NE(complaint(bytes).find("many times the file's size"), std::string::npos) << complaint(bytes);
  }
}

TEST(TfliteSparse, SurvivesTruncationAndDamage) {
  Random random(2025);
  for (const Numbers numbers : {Numbers::float32, Numbers::float16, Numbers::int8}) {
    const std::string bytes = to_tflite(network(numbers, {1, 4, 4, 9}, {{Conv2D{}, {30, 3, 3, 9}}, {Dense{}, {50, 120}}}));
    EXPECT_FALSE(sparse_tensors(bytes).empty());
    expect_truncation_is_seen(bytes);
    expect_damage_is_harmless(bytes, 5000, random);
  }
}

}  // namespace
}  // namespace slimpilot
