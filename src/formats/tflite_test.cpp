// SPDX-License-Identifier: Apache-2.0
// Graphs → TensorFlow Lite bytes → graphs, and files that lie. That LiteRT computes the same from these files is checked
// in tests/parity, where LiteRT is at hand.
#include "formats/tflite_test.h"

#include <gtest/gtest.h>
#include <tflite_generated.h>

#include "formats/formats.h"
#include "formats/metadata.h"
#include "formats/tflite_common.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

enum class Numbers { float32, float16, hybrid, int8, int16 };
constexpr Numbers kAllNumbers[] = {Numbers::float32, Numbers::float16, Numbers::hybrid, Numbers::int8, Numbers::int16};

/// Builds small networks with random weights in any of the number systems.
class Maker {
 public:
  explicit Maker(Numbers numbers) : numbers_(numbers) {}

  bool is_integer() const { return numbers_ >= Numbers::int8; }
  ElementType activation_type() const {
    return numbers_ == Numbers::int8 ? ElementType::s8 : numbers_ == Numbers::int16 ? ElementType::s16 : ElementType::f32;
  }
  Quantization activations() const {
    return numbers_ == Numbers::int8 ? Quantization{{.05f}, {3}, -1} : Quantization{{0x1p-12f}, {0}, -1};
  }
  ValueId input(Shape shape, ElementType type) {
    const ValueId id = add_value(graph, "image", std::move(shape), type);
    if (type != ElementType::f32) graph.value(id).quantization = activations();
    graph.inputs = {id};
    return id;
  }
  ValueId add(const std::string& name, Op op, std::vector<ValueId> inputs) {
    const Value first = graph.value(inputs[0]);
    const ValueId id = append_node(graph, name, std::move(op), std::move(inputs));
    graph.value(id).type = first.type;
    graph.value(id).quantization = first.quantization;
    return id;
  }
  ValueId quantize(const std::string& name, ValueId x, ElementType type, Quantization q) {
    const ValueId id = append_node(graph, name, Quantize{}, {x});
    graph.value(id).type = type;
    graph.value(id).quantization = std::move(q);
    return id;
  }
  ValueId real_constant(const std::string& name, Shape shape, ElementType type) {
    std::vector<float> numbers;
    for (int64_t i = element_count(shape); i > 0; --i) numbers.push_back(static_cast<float>(random.uniform(-1, 1)));
    if (type == ElementType::f32) return add_constant(graph, name, std::move(shape), numbers);
    std::vector<uint16_t> halves;
    for (const float number : numbers) halves.push_back(float_to_half(number));
    return add_constant(graph, name, std::move(shape), type, std::span<const uint16_t>(halves));
  }
  /// Integers of at most ±100 with a scale per index of `axis`.
  template <class T>
  ValueId integer_constant(const std::string& name, Shape shape, ElementType type, int axis, float scale) {
    const size_t count = static_cast<size_t>(shape[static_cast<size_t>(axis)]);
    std::vector<T> numbers;
    for (int64_t i = element_count(shape); i > 0; --i) numbers.push_back(static_cast<T>(random.uniform(-100, 100)));
    const ValueId id = add_constant(graph, name, std::move(shape), type, std::span<const T>(numbers));
    Quantization q{.zero_point = std::vector<int>(count, 0), .axis = axis};
    for (size_t i = 0; i < count; ++i) q.scale.push_back(scale * static_cast<float>(i + 1));
    graph.value(id).quantization = std::move(q);
    return id;
  }
  /// A layer with weights in the maker's numbers.
  ValueId layer(const std::string& name, Op op, ValueId x, const Shape& weights, int axis) {
    const bool real = numbers_ == Numbers::float32 || numbers_ == Numbers::float16;
    const ElementType type = numbers_ == Numbers::float16 ? ElementType::f16 : ElementType::f32;
    const Shape channels{weights[static_cast<size_t>(axis)]};
    const ValueId w = real ? real_constant(name + "/weights", weights, type)
                           : integer_constant<int8_t>(name + "/weights", weights, ElementType::s8, axis, .001f);
    const float scale = is_integer() ? .001f * activations().scale[0] : 1;
    const ValueId b =
        numbers_ == Numbers::int8    ? integer_constant<int32_t>(name + "/bias", channels, ElementType::s32, 0, scale)
        : numbers_ == Numbers::int16 ? integer_constant<int64_t>(name + "/bias", channels, ElementType::s64, 0, scale)
                                     : real_constant(name + "/bias", channels, real ? type : ElementType::f32);
    return add(name, std::move(op), {x, w, b});
  }
  ValueId activation(ActivationKind kind, ValueId x) {
    const ValueId id = add(std::string(activation_name(kind)), Activation{kind}, {x});
    auto& q = graph.value(id).quantization;
    if (q && (kind == ActivationKind::tanh || kind == ActivationKind::sigmoid)) {
      const bool wide = numbers_ == Numbers::int16, is_tanh = kind == ActivationKind::tanh;
      *q = {{wide ? 0x1p-15f : is_tanh ? 0x1p-7f : 0x1p-8f}, {wide || is_tanh ? 0 : -128}, -1};
    }
    return id;
  }

  Graph graph;
  Random random{7};

 private:
  Numbers numbers_;
};

/// A network with every op that the number system has, two outputs, metadata; real or integer at its ends.
Graph network(Numbers numbers, bool integer_ends = false) {
  Maker m(numbers);
  const ElementType type = m.activation_type();
  ValueId x = m.input({1, 12, 14, 3}, integer_ends ? type : ElementType::f32);
  if (m.is_integer() && !integer_ends) x = m.quantize("image_integers", x, type, m.activations());
  x = m.add("crop", Crop2D{2, 1, 1, 2}, {x});
  x = m.add("pad", Pad2D{1, 0, 2, 1}, {x});
  x = m.layer("conv", Conv2D{2, 1, Padding::same, ActivationKind::relu}, x, {8, 3, 3, 3}, 0);
  x = m.add("max_pool", Pool2D{PoolKind::max, 2, 2, 1, 1, Padding::same}, {x});
  x = m.add("average_pool", Pool2D{PoolKind::average, 2, 3, 1, 2, Padding::valid}, {x});
  x = m.layer("depthwise", DepthwiseConv2D{1, 1, Padding::same, ActivationKind::relu6}, x, {1, 3, 3, 8}, 3);
  const ValueId a = m.activation(ActivationKind::tanh, x), b = m.activation(ActivationKind::sigmoid, x);
  x = m.add("product", Mul{}, {a, b});
  x = m.add("sum", Add{}, {x, a});
  if (numbers != Numbers::int16)
    for (const auto kind : {ActivationKind::elu, ActivationKind::relu_n1_to_1, ActivationKind::relu_0_to_1})
      x = m.activation(kind, x);
  x = m.activation(ActivationKind::relu6, x);
  x = m.activation(ActivationKind::relu, x);
  if (!m.is_integer()) x = m.add("scaled", Mul{}, {x, m.real_constant("scale", {}, ElementType::f32)});
  x = m.add("leaky", LeakyRelu{.125f}, {x});
  x = m.add("joined", Concat{3}, {x, m.add("twice", Pool2D{PoolKind::max, 1, 1, 1, 1}, {x})});
  x = m.add("turned", Permute{{0, 3, 1, 2}}, {x});
  if (!m.is_integer()) x = m.add("shares", Softmax{}, {x});
  if (!m.is_integer())
    x = m.add("per_row", Mul{}, {x, m.real_constant("rows", {m.graph.value(x).shape[2], 1}, ElementType::f32)});
  const int count = static_cast<int>(element_count(m.graph.value(x).shape));
  x = m.add("flatten", Reshape{{1, count}}, {x});
  x = m.layer("dense", Dense{ActivationKind::relu_n1_to_1}, x, {6, count}, 0);
  for (const std::string name : {"speed", "steering"}) {
    ValueId y = m.layer(name, Dense{}, x, {2, 6}, 0);
    if (m.is_integer() && !integer_ends) {
      y = append_node(m.graph, name + "_real", Dequantize{}, {y});
    }
    m.graph.outputs.push_back(y);
  }
  m.graph.name = "test \"network\" ü";
  m.graph.preprocessing = {12, 30, true, ColorOrder::bgr, {1 / 255.f, .1f, 3.4e38f}, {-.5f, -0.f, 1e-45f}, {2}};
  m.graph.meaning = {{"v", "m/s", 0, 12.3f}, {"w", "rad/s", -3.1f, 3.1f}, {"c", "", 0, 1}, {"d", "", 0, 1}};
  return m.graph;
}

Graph parsed(const std::string& bytes) { return parse_tflite(bytes, "test.tflite"); }

/// The bytes of `graph` after `change` has edited the file's tables.
template <class Change>
std::string edited(const Graph& graph, Change change) {
  const std::string bytes = to_tflite(graph);
  tflite_schema::ModelT model;
  tflite_schema::GetModel(bytes.data())->UnPackTo(&model);
  change(model);
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(tflite_schema::Model::Pack(builder, &model), "TFL3");
  return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

TEST(Tflite, ReadsBackWhatItWrote) {
  for (const Numbers numbers : kAllNumbers)
    for (const bool integer_ends : {false, true}) {
      const Graph graph = network(numbers, integer_ends);
      const Graph again = parsed(to_tflite(graph));
      EXPECT_EQ(to_text(again), to_text(graph));
      EXPECT_TRUE(again == graph) << "numbers " << static_cast<int>(numbers);
    }
}

TEST(Tflite, StoresEqualConstantsOnce) {
  Maker m(Numbers::float32);
  ValueId x = m.input({1, 50}, ElementType::f32);
  const std::vector<float> weights(2500, .25f);
  for (const std::string name : {"a", "b", "c"}) {
    const ValueId w = add_constant(m.graph, name + "/weights", {50, 50}, weights);
    x = m.add(name, Dense{}, {x, w, add_constant(m.graph, name + "/bias", {50}, std::vector<float>(50, 0))});
  }
  m.graph.outputs = {x};
  const std::string bytes = to_tflite(m.graph);
  EXPECT_LT(bytes.size(), 10'000 + 3'000u);
  EXPECT_TRUE(parsed(bytes) == m.graph);
}

TEST(Tflite, AlignsBuffersTo16Bytes) {
  const std::string bytes = to_tflite(network(Numbers::float32));
  for (const auto* buffer : *tflite_schema::GetModel(bytes.data())->buffers()) {
    if (!buffer->data()) continue;
    EXPECT_EQ((reinterpret_cast<const char*>(buffer->data()->data()) - bytes.data()) % 16, 0);
  }
}

TEST(Tflite, SplitsAndJoinsRelu0To1) {
  Maker m(Numbers::float32);
  const ValueId x = m.input({1, 4}, ElementType::f32);
  m.graph.outputs = {m.layer("dense", Dense{ActivationKind::relu_0_to_1}, x, {2, 4}, 0)};
  const std::string bytes = to_tflite(m.graph);
  EXPECT_EQ(tflite_schema::GetModel(bytes.data())->subgraphs()->Get(0)->operators()->size(), 2u);
  EXPECT_TRUE(parsed(bytes) == m.graph);
}

TEST(Tflite, FusesIntegerClampsByTheirInterval) {
  using tflite_schema::ActivationFunctionType;
  const auto function = [](ElementType type, float scale, int zero_point) {
    return fused_function(ActivationKind::relu_0_to_1, {.type = type, .quantization = Quantization{{scale}, {zero_point}, -1}});
  };
  EXPECT_EQ(function(ElementType::s8, 0x1p-8f, -128), ActivationFunctionType::NONE);
  EXPECT_EQ(function(ElementType::s16, 0x1p-15f, 0), ActivationFunctionType::RELU);
  EXPECT_EQ(function(ElementType::s8, 1 / 127.f, 0), std::optional(ActivationFunctionType::RELU));
  EXPECT_EQ(function(ElementType::s8, .1f, 0), std::nullopt);
}

TEST(Tflite, RefusesWhatTheFormatCannotSay) {
  const auto refusal = [](Numbers numbers, Op op) -> std::string {
    Maker m(numbers);
    const ValueId x = m.input({1, 4, 4, 3}, m.activation_type());
    m.graph.outputs = {m.add("layer", std::move(op), {x})};
    try {
      to_tflite(m.graph);
      return {};
    } catch (const Error& error) {
      return error.what();
    }
  };
  EXPECT_NE(refusal(Numbers::float32, Activation{ActivationKind::hard_sigmoid}).find("lower it first"), std::string::npos);
  EXPECT_NE(refusal(Numbers::int16, Activation{ActivationKind::elu}).find("no s16 kernel for elu"), std::string::npos);
  EXPECT_NE(refusal(Numbers::int16, Activation{ActivationKind::sigmoid}).find("scale 1/32768, zero point 0"),
            std::string::npos);
  EXPECT_EQ(refusal(Numbers::int8, Activation{ActivationKind::sigmoid}), "") << "two operators say it";
  EXPECT_EQ(refusal(Numbers::int8, Activation{ActivationKind::relu_0_to_1}), "");
}

TEST(Tflite, RefusesBatchNormByName) {
  Maker m(Numbers::float32);
  const ValueId x = m.input({1, 4}, ElementType::f32);
  std::vector<ValueId> inputs{x};
  for (const char* name : {"gamma", "beta", "mean", "variance"}) inputs.push_back(m.real_constant(name, {4}, ElementType::f32));
  m.graph.outputs = {m.add("normalize", BatchNorm{}, inputs)};
  EXPECT_THROW(to_tflite(m.graph), Error);
}

TEST(Tflite, ReadsPerChannelConstantsAsDepthwise) {
  Maker m(Numbers::float32);
  const ValueId x = m.input({1, 4, 5, 1}, ElementType::f32);
  const ValueId y = m.add("scaled", Mul{}, {x, m.real_constant("factor", {1}, ElementType::f32)});
  m.graph.outputs = {m.add("shifted", Add{}, {y, m.real_constant("shift", {1}, ElementType::f32)})};
  const std::string bytes = edited(m.graph, [](tflite_schema::ModelT& model) {
    auto& tensors = model.subgraphs[0]->tensors;
    for (auto& tensor : tensors) {
      const bool constant = tensor->shape.size() == 1;
      (constant ? tensor->shape[0] : tensor->shape[3]) = 3;
      if (constant) model.buffers[tensor->buffer]->data.resize(12, 0);
    }
  });
  const Graph graph = parsed(bytes);
  EXPECT_EQ(
      to_text(graph),
      "input image:f32[1x4x5x3]\n"
      "scaled:f32[1x4x5x3] = DepthwiseConv2D stride 1x1 valid linear (image:f32[1x4x5x3], scaled/weights:f32[1x1x1x3], "
      "scaled/bias:f32[3])\n"
      "shifted:f32[1x4x5x3] = DepthwiseConv2D stride 1x1 valid linear (scaled:f32[1x4x5x3], shifted/weights:f32[1x1x1x3], "
      "shifted/bias:f32[3])\n"
      "output shifted:f32[1x4x5x3]\n");
}

TEST(Tflite, ReadsDenseWithoutBiasOnAnImage) {
  for (const Numbers numbers : {Numbers::float32, Numbers::int8, Numbers::int16}) {
    Maker m(numbers);
    const ValueId x = m.input({1, 12}, m.activation_type());
    m.graph.outputs = {m.layer("dense", Dense{}, x, {2, 12}, 0)};
    const std::string bytes = edited(m.graph, [](tflite_schema::ModelT& model) {
      model.subgraphs[0]->tensors[0]->shape = {1, 2, 2, 3};
      model.subgraphs[0]->operators[0]->inputs[2] = -1;
    });
    const Graph graph = parsed(bytes);
    ASSERT_EQ(graph.nodes.size(), 2u);
    EXPECT_TRUE(graph.nodes[0].op == Op(Reshape{{1, 12}}));
    const Value& bias = graph.value(graph.nodes[1].inputs[2]);
    for (const float number : constant_as_floats(bias)) EXPECT_EQ(number, 0);
    const std::vector<float> scales{m.activations().scale[0] * .001f, m.activations().scale[0] * .002f};
    EXPECT_EQ(bias.quantization.has_value() ? bias.quantization->scale : scales, scales);
  }
}

TEST(Tflite, TakesAnUnknownBatchAsOne) {
  const std::string bytes = edited(network(Numbers::float32), [](tflite_schema::ModelT& model) {
    for (auto& tensor : model.subgraphs[0]->tensors)
      if (tensor->buffer == 0) {
        tensor->shape_signature = tensor->shape;
        tensor->shape_signature[0] = -1;
      }
  });
  EXPECT_TRUE(parsed(bytes) == network(Numbers::float32));
}

TEST(Tflite, JoinsOutputsInTheMetadatasOrder) {
  Graph graph = network(Numbers::float32);
  std::swap(graph.outputs[0], graph.outputs[1]);
  const std::string bytes = edited(
      graph, [](tflite_schema::ModelT& model) { std::swap(model.subgraphs[0]->outputs[0], model.subgraphs[0]->outputs[1]); });
  EXPECT_TRUE(parsed(bytes) == graph);
}

TEST(Tflite, RefusesMalformedMetadata) {
  const std::string good = metadata_of(network(Numbers::float32));
  for (size_t length = 0; length < good.size(); length += 7) {
    Graph graph = network(Numbers::float32);
    EXPECT_THROW(apply_metadata(good.substr(0, length), graph), Error) << length;
  }
  for (const auto& [from, to] : {std::pair{"[12", "[-1"},
                                 {"[12", "[1e300"},
                                 {"bgr", "gbr"},
                                 {"\"speed\"", "\"steering\""},
                                 {"true", "1"},
                                 {"\"version\":2", "\"version\":3"},
                                 {"[2]", "[-2]"},
                                 {"[2]", "[256]"},
                                 {"[2]", "[0.5]"},
                                 {"[2]", "2"},
                                 {"12.3", "1e99"}}) {
    std::string bad = good;
    bad.replace(bad.find(from), std::string(from).size(), to);
    Graph graph = network(Numbers::float32);
    EXPECT_THROW(apply_metadata(bad, graph), Error) << from << " → " << to;
  }
  Graph nan = network(Numbers::float32);
  nan.meaning[0].max = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(to_tflite(nan), Error);
}

TEST(Tflite, NamesWhatItCannotRead) {
  const Graph graph = network(Numbers::float32);
  const auto first_operator = [&](auto change) {
    return complaint(edited(graph, [&](tflite_schema::ModelT& model) { change(model, *model.subgraphs[0]->operators[0]); }));
  };
  EXPECT_EQ(first_operator([](auto& model, auto& op) {
              model.operator_codes[op.opcode_index]->builtin_code = static_cast<tflite_schema::BuiltinOperator>(47);
              model.operator_codes[op.opcode_index]->deprecated_builtin_code = 47;
            }),
            "test.tflite: operator 0 (operator 47): slimpilot does not know this operator; convert the network without it");
  EXPECT_EQ(first_operator([](auto&, auto& op) { op.inputs[0] = 1000; }),
            "test.tflite: operator 0 (STRIDED_SLICE): uses tensor 1000, which does not exist");
  EXPECT_EQ(
      first_operator([](auto& model, auto&) { model.subgraphs[0]->tensors[0]->type = tflite_schema::TensorType::FLOAT64; }),
      "test.tflite: tensor 0 'image' has the type FLOAT64, which slimpilot does not compute; convert to float32, float16, "
      "int8 or int16");
  EXPECT_EQ(first_operator([](auto& model, auto&) { model.subgraphs[0]->tensors[0]->shape[0] = 8; }),
            "test.tflite: input 'image' is a batch of 8; export the network for a batch of 1");
  EXPECT_NE(first_operator([](auto& model, auto&) { model.subgraphs[0]->tensors[0]->shape.clear(); }), "");
  EXPECT_EQ(complaint("no model at all, only text"), "test.tflite: is no TensorFlow Lite file (its identifier is not TFL3)");
}

TEST(Tflite, ReadsUint8AsInt8) {
  Maker m(Numbers::int8);
  const ValueId x = m.input({1, 4, 4, 3}, ElementType::s8);
  m.graph.outputs = {m.add("pool", Pool2D{}, {x})};
  const std::string bytes = edited(m.graph, [](tflite_schema::ModelT& model) {
    for (auto& tensor : model.subgraphs[0]->tensors) {
      tensor->type = tflite_schema::TensorType::UINT8;
      tensor->quantization->zero_point[0] += 128;
    }
  });
  EXPECT_TRUE(parsed(bytes) == m.graph);
}

TEST(Tflite, RefusesSmallFilesThatAskForMuchMemory) {
  Maker m(Numbers::float32);
  const ValueId x = m.input({1, 1000}, ElementType::f32);
  m.graph.outputs = {m.layer("dense", Dense{}, x, {1000, 1000}, 0)};
  const std::string bytes = edited(m.graph, [](tflite_schema::ModelT& model) {
    auto& tensors = model.subgraphs[0]->tensors;
    for (int i = 0; i < 1000; ++i) tensors.push_back(std::make_unique<tflite_schema::TensorT>(*tensors[1]));
  });
  EXPECT_NE(complaint(bytes).find("many times the file's size"), std::string::npos) << complaint(bytes);
}

TEST(Tflite, SurvivesTruncationAndDamage) {
  Random random(2024);
  for (const Numbers numbers : kAllNumbers) {
    const std::string bytes = to_tflite(network(numbers));
    expect_truncation_is_seen(bytes);
    expect_damage_is_harmless(bytes, 2000, random);
  }
}

}  // namespace
}  // namespace slimpilot
