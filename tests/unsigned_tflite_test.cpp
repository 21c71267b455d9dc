// SPDX-License-Identifier: Apache-2.0
// uint8 files of TensorFlow 1: layers of them yield the integers that TensorFlow Lite's uint8 kernels define, which stand here
// as plain loops. tests/parity/legacy_uint8.py compares with LiteRT itself.
#include <gtest/gtest.h>
#include <tflite_generated.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "base/error.h"
#include "base/random.h"
#include "engine/kernels/fixed_point.h"
#include "engine/quantized_scale.h"
#include "engine/session.h"
#include "formats/formats.h"
#include "graph/edit.h"
#include "host/atomic_file.h"

namespace slimpilot {
namespace {

constexpr int kHeight = 5, kWidth = 7, kChannels = 3, kCells = 9;  // the image, and windows of 3×3
constexpr float kInputScale = .0173f, kOutputScale = .071f;
constexpr int kInputZero = 117, kOutputZero = 99;  // as uint8

/// A layer in uint8, as the file has it.
struct Layer {
  Op op;
  Shape weights_shape;
  int weight_zero = 0;
  float weight_scale = .0037f;
  std::vector<uint8_t> weights = {};
  std::vector<int32_t> bias = {};
  int outputs() const { return weights_shape[std::holds_alternative<DepthwiseConv2D>(op) ? 3 : 0]; }
};

Layer layer(Op op, Shape weights_shape, int weight_zero, int near) {
  Layer result{.op = std::move(op), .weights_shape = std::move(weights_shape), .weight_zero = weight_zero};
  Random random(static_cast<uint64_t>(weight_zero + near));
  const int low = std::max(weight_zero - near, 0), high = std::min(weight_zero + near, 255);
  for (int64_t i = element_count(result.weights_shape); i > 0; --i)
    result.weights.push_back(static_cast<uint8_t>(low + static_cast<int>(random.below(static_cast<uint64_t>(high - low + 1)))));
  for (int i = result.outputs(); i > 0; --i) result.bias.push_back(static_cast<int32_t>(random.below(4000)) - 2000);
  return result;
}

Quantization quantization(float scale, int zero) { return {{scale}, {zero}, -1}; }

/// The layer in a file. It is written as int8 and then changed, as the writer knows no uint8.
std::string file_of(const Layer& l) {
  Graph graph;
  const bool dense = std::holds_alternative<Dense>(l.op);
  const ValueId x = add_value(
      graph, "image", dense ? Shape{1, kHeight * kWidth * kChannels} : Shape{1, kHeight, kWidth, kChannels}, ElementType::s8);
  graph.value(x).quantization = quantization(kInputScale, 0);
  const std::vector<int8_t> blank(l.weights.size(), 1);
  const ValueId w = add_constant(graph, "weights", l.weights_shape, ElementType::s8, std::span<const int8_t>(blank));
  graph.value(w).quantization = quantization(l.weight_scale, 0);
  const ValueId b = add_constant(graph, "bias", {l.outputs()}, ElementType::s32, std::span<const int32_t>(l.bias));
  graph.value(b).quantization = quantization(kInputScale * l.weight_scale, 0);
  const ValueId y = append_node(graph, "layer", l.op, {x, w, b});
  graph.value(y).type = ElementType::s8;
  graph.value(y).quantization = quantization(kOutputScale, 0);
  graph.inputs = {x}, graph.outputs = {y};
  const std::string bytes = to_tflite(graph);
  tflite_schema::ModelT model;
  tflite_schema::GetModel(bytes.data())->UnPackTo(&model);
  for (auto& tensor : model.subgraphs[0]->tensors) {
    if (tensor->name == "bias") continue;
    tensor->type = tflite_schema::TensorType::UINT8;
    tensor->quantization->zero_point = {tensor->name == "image"   ? kInputZero
                                        : tensor->name == "layer" ? kOutputZero
                                                                  : l.weight_zero};
    if (tensor->name == "weights") model.buffers[tensor->buffer]->data = l.weights;
  }
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(tflite_schema::Model::Pack(builder, &model), "TFL3");
  return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

/// The sum of output channel `o` at a place of a convolution with padding `same` and stride 1.
int32_t sum_at(const Layer& l, const std::vector<uint8_t>& image, int row, int column, int o) {
  const bool depthwise = std::holds_alternative<DepthwiseConv2D>(l.op);
  int32_t sum = l.bias[static_cast<size_t>(o)];
  for (int cell = 0; cell < kCells; ++cell)
    for (int c = depthwise ? o : 0; c < (depthwise ? o + 1 : kChannels); ++c) {
      const int r = row + cell / 3 - 1, k = column + cell % 3 - 1;
      if (r < 0 || r >= kHeight || k < 0 || k >= kWidth) continue;
      const int weight = l.weights[static_cast<size_t>(depthwise ? cell * kChannels + c : (o * kCells + cell) * kChannels + c)];
      sum += (image[static_cast<size_t>((r * kWidth + k) * kChannels + c)] - kInputZero) * (weight - l.weight_zero);
    }
  return sum;
}

/// TensorFlow Lite's uint8 result: the product of the scales is a float; convolutions round twice, dense layers once.
std::vector<uint8_t> expected(const Layer& l, const std::vector<uint8_t>& image) {
  const FixedPoint m = fixed_point(static_cast<double>(kInputScale * l.weight_scale) / static_cast<double>(kOutputScale));
  std::vector<uint8_t> result;
  const auto add = [&](int32_t scaled) { result.push_back(static_cast<uint8_t>(limit(scaled + kOutputZero, 0, 255))); };
  if (std::holds_alternative<Dense>(l.op)) {
    for (size_t o = 0; o < l.bias.size(); ++o) {
      int32_t sum = l.bias[o];
      for (size_t i = 0; i < image.size(); ++i)
        sum += (image[i] - kInputZero) * (l.weights[o * image.size() + i] - l.weight_zero);
      add(rescale_once(sum, m.multiplier, m.shift));
    }
    return result;
  }
  for (int row = 0; row < kHeight; ++row)
    for (int column = 0; column < kWidth; ++column)
      for (int o = 0; o < l.outputs(); ++o) add(rescale(sum_at(l, image, row, column, o), m.multiplier, m.shift));
  return result;
}

std::vector<uint8_t> computed(const Graph& graph, const std::vector<uint8_t>& image) {
  const Plan plan(graph);
  Session session(plan);
  const auto input = session.input();
  EXPECT_EQ(input.size(), image.size());
  for (size_t i = 0; i < image.size(); ++i) input[i] = std::byte{image[i]} ^ std::byte{0x80};
  session.run();
  std::vector<uint8_t> result;
  for (const std::byte b : session.output(0)) result.push_back(std::to_integer<uint8_t>(b ^ std::byte{0x80}));
  return result;
}

Graph parsed(const std::string& bytes) {
  const auto path = std::filesystem::path(testing::TempDir()) / ("unsigned_tflite_" + std::to_string(getpid()) + ".tflite");
  write_file_atomically(path, bytes);
  return read_tflite(path);
}

constexpr int kDenseInputs = kHeight * kWidth * kChannels;

TEST(UnsignedTflite, LayersYieldTheIntegersOfUint8Kernels) {
  const Op conv = Conv2D{1, 1, Padding::same}, depthwise = DepthwiseConv2D{1, 1, Padding::same};
  for (const auto& [zero, near] : {std::pair{128, 127}, {128, 128}, {90, 255}, {0, 255}, {255, 255}, {3, 60}})
    for (const auto& [op, shape] : {std::pair{conv, Shape{4, 3, 3, kChannels}},
                                    {depthwise, Shape{1, 3, 3, kChannels}},
                                    {Op(Dense{}), Shape{6, kDenseInputs}}}) {
      const Layer l = layer(op, shape, zero, near);
      const Graph graph = parsed(file_of(l));
      Random random(3);
      for (int frame = 0; frame < 20; ++frame) {
        std::vector<uint8_t> image;
        for (int i = 0; i < kDenseInputs; ++i) image.push_back(static_cast<uint8_t>(random.below(256)));
        ASSERT_EQ(computed(graph, image), expected(l, image))
            << op_name(op) << ", weights' zero point " << zero << " ± " << near;
      }
    }
}

/// Scales whose product is greater in float32 than in double, by a quarter of a float's last place at least.
TEST(UnsignedTflite, MultipliesScalesInFloat) {
  Layer l = layer(Conv2D{1, 1, Padding::same}, {8, 3, 3, kChannels}, 128, 20);
  const auto differ = [&] {
    const double single = static_cast<double>(kInputScale * l.weight_scale),
                 exact = double{kInputScale} * double{l.weight_scale};
    return single - exact > single * 0x1p-26;
  };
  while (!differ()) l.weight_scale = std::nextafter(l.weight_scale, 1.f);
  const Graph graph = parsed(file_of(l));
  const Node& node = graph.nodes.back();
  const auto scale = [&](ValueId id) { return static_cast<double>(graph.value(id).quantization->scale[0]); };
  const FixedPoint read = fixed_point(scale(node.inputs[0]) * scale(node.inputs[1]) / scale(node.output));
  const FixedPoint wanted = fixed_point(static_cast<double>(kInputScale * l.weight_scale) / double{kOutputScale});
  EXPECT_EQ(read.multiplier, wanted.multiplier);
  EXPECT_EQ(read.shift, wanted.shift);
  EXPECT_NE(fixed_point(double{kInputScale} * double{l.weight_scale} / double{kOutputScale}).multiplier, wanted.multiplier);
}

TEST(UnsignedTflite, EndsAreInt8OfTheSameNumbers) {
  const Graph graph = parsed(file_of(layer(Conv2D{}, {4, 3, 3, kChannels}, 128, 100)));
  EXPECT_EQ(graph.value(graph.inputs[0]).type, ElementType::s8);
  EXPECT_EQ(graph.value(graph.inputs[0]).quantization, quantization(kInputScale, kInputZero - 128));
  EXPECT_EQ(graph.value(graph.outputs[0]).type, ElementType::s8);
  EXPECT_EQ(graph.value(graph.outputs[0]).quantization, quantization(kOutputScale, kOutputZero - 128));
  EXPECT_TRUE(parsed(to_tflite(graph)) == graph);
}

std::string complaint(const std::string& bytes) {
  try {
    parsed(bytes);
    return {};
  } catch (const Error& error) {
    const std::string text = error.what();
    return text.substr(text.find(".tflite: ") + 9);
  }
}

TEST(UnsignedTflite, NamesZeroPointsOutsideTheirType) {
  for (const int zero : {-1, 256, std::numeric_limits<int>::min(), std::numeric_limits<int>::max()}) {
    Layer l = layer(Conv2D{}, {4, 3, 3, kChannels}, 128, 100);
    l.weight_zero = zero;
    EXPECT_EQ(complaint(file_of(l)), "tensor 1 'weights' has a zero point outside its type") << zero;
  }
}

TEST(UnsignedTflite, SurvivesDamage) {
  Random random(11);
  for (const auto& [op, shape] : {std::pair{Op(Conv2D{1, 1, Padding::same}), Shape{4, 3, 3, kChannels}},
                                  {DepthwiseConv2D{1, 1, Padding::same}, Shape{1, 3, 3, kChannels}},
                                  {Dense{}, Shape{6, kDenseInputs}}}) {
    const std::string bytes = file_of(layer(op, shape, 90, 255));
    for (int round = 0; round < 100; ++round) {
      std::string damaged = bytes;
      for (uint64_t flips = 1 + random.below(3); flips > 0; --flips)
        damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
      EXPECT_NO_THROW(complaint(damaged));  // an Error, which it catches, or a network
    }
  }
}

std::string averaging(int window, int stride, Padding padding) {
  Graph graph;
  const ValueId x = add_value(graph, "image", {1, kHeight, kWidth, kChannels}, ElementType::s8);
  graph.value(x).quantization = quantization(kInputScale, 0);
  const ValueId y = append_node(graph, "pool", Pool2D{PoolKind::average, window, window, stride, stride, padding}, {x});
  graph.value(y).type = ElementType::s8;
  graph.value(y).quantization = graph.value(x).quantization;
  graph.inputs = {x}, graph.outputs = {y};
  const std::string bytes = to_tflite(graph);
  tflite_schema::ModelT model;
  tflite_schema::GetModel(bytes.data())->UnPackTo(&model);
  for (auto& tensor : model.subgraphs[0]->tensors) {
    tensor->type = tflite_schema::TensorType::UINT8;
    tensor->quantization->zero_point = {kInputZero};
  }
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(tflite_schema::Model::Pack(builder, &model), "TFL3");
  return complaint({reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()});
}

TEST(UnsignedTflite, RefusesAveragesThatRoundOtherwise) {
  const std::string refusal =
      "operator 0 (AVERAGE_POOL_2D): 'pool' averages an even number of uint8 values, whose halves int8 rounds "
      "otherwise; quantize the network to int8";
  EXPECT_EQ(averaging(3, 1, Padding::valid), "");
  EXPECT_EQ(averaging(3, 3, Padding::valid), "");
  EXPECT_EQ(averaging(2, 1, Padding::valid), refusal);
  EXPECT_EQ(averaging(3, 1, Padding::same), refusal);
}

}  // namespace
}  // namespace slimpilot
