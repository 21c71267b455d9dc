// SPDX-License-Identifier: Apache-2.0
// ONNX operators that are read as several nodes compute what ONNX says of them: parts of tensors, limits, sequences, weights
// with zero points. What is made of a file piece by piece is tested in src/formats/onnx_read_test.cpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "formats/formats.h"
#include "formats/onnx.h"
#include "formats/tflite_common.h"
#include "optimize/pass_test.h"

namespace slimpilot {
namespace {

OnnxAttribute attribute(std::string name, std::vector<int64_t> numbers) {
  return {.name = std::move(name), .kind = OnnxAttribute::Kind::integers, .integers = std::move(numbers)};
}
OnnxAttribute attribute(std::string name, int64_t number) {
  return {.name = std::move(name), .kind = OnnxAttribute::Kind::integer, .integer = number};
}
OnnxAttribute attribute(std::string name, float number) {
  return {.name = std::move(name), .kind = OnnxAttribute::Kind::real, .real = number};
}

OnnxModel model_of(std::vector<int64_t> input, std::vector<std::string> outputs, int64_t opset = 13) {
  OnnxModel model{.ir_version = 8, .opsets = {{"", opset}}};
  model.inputs = {{.name = "x", .type = OnnxType::float32, .dims = std::move(input)}};
  for (std::string& name : outputs) model.outputs.push_back({.name = std::move(name), .type = OnnxType::float32, .dims = {{}}});
  return model;
}

std::vector<float> run(const OnnxModel& model, const std::vector<float>& x) {
  return outputs_of(Plan(onnx_graph(model, {.constant_bytes = 1 << 20})), x);
}

std::string complaint(const OnnxModel& model) {
  try {
    onnx_graph(model, {.constant_bytes = 1 << 20});
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

/// x[c][h][w] = 100·c + 10·h + w of an image of 6 channels, 3 rows, 5 columns, in the graph's order.
std::vector<float> image() {
  std::vector<float> numbers;
  for (int h = 0; h < 3; ++h)
    for (int w = 0; w < 5; ++w)
      for (int c = 0; c < 6; ++c) numbers.push_back(static_cast<float>(100 * c + 10 * h + w));
  return numbers;
}

/// Channels, rows and columns [first, last) of it, in ONNX' order.
struct Range {
  int first, last;
};
std::vector<float> part(Range channels, Range rows, Range columns) {
  std::vector<float> numbers;
  for (int c = channels.first; c < channels.last; ++c)
    for (int h = rows.first; h < rows.last; ++h)
      for (int w = columns.first; w < columns.last; ++w) numbers.push_back(static_cast<float>(100 * c + 10 * h + w));
  return numbers;
}

std::vector<float> joined(std::vector<float> a, const std::vector<float>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(OnnxSplit, GivesPartsOfEveryDimension) {
  const auto split = [](int64_t axis, std::vector<int64_t> extents) {
    OnnxModel model = model_of({1, 6, 3, 5}, {"a", "b"}, 11);
    model.nodes = {{.name = "split",
                    .kind = "Split",
                    .inputs = {"x"},
                    .outputs = {"a", "b"},
                    .attributes = {attribute("axis", axis), attribute("split", std::move(extents))}}};
    return run(model, image());
  };
  EXPECT_EQ(split(1, {2, 4}), joined(part({0, 2}, {0, 3}, {0, 5}), part({2, 6}, {0, 3}, {0, 5})));
  EXPECT_EQ(split(2, {1, 2}), joined(part({0, 6}, {0, 1}, {0, 5}), part({0, 6}, {1, 3}, {0, 5})));
  EXPECT_EQ(split(-1, {4, 1}), joined(part({0, 6}, {0, 3}, {0, 4}), part({0, 6}, {0, 3}, {4, 5})));
}

TEST(OnnxSplit, IntoUnequalPartsSinceOpset18) {
  OnnxModel model = model_of({1, 7}, {"a", "b", "c"}, 18);
  model.nodes = {{.name = "split",
                  .kind = "Split",
                  .inputs = {"x"},
                  .outputs = {"a", "b", "c"},
                  .attributes = {attribute("axis", int64_t{1}), attribute("num_outputs", int64_t{3})}}};
  EXPECT_EQ(run(model, {0, 1, 2, 3, 4, 5, 6}), (std::vector<float>{0, 1, 2, 3, 4, 5, 6}));
  model.opsets[0].version = 13;
  EXPECT_NE(complaint(model).find("node 'split' (Split): cannot split 7 into 3 parts"), std::string::npos) << complaint(model);
}

TEST(OnnxSlice, TakesChannels) {
  OnnxModel model = model_of({1, 6, 3, 5}, {"y"}, 9);
  model.nodes = {
      {.name = "slice",
       .kind = "Slice",
       .inputs = {"x"},
       .outputs = {"y"},
       .attributes = {attribute("starts", std::vector<int64_t>{1, -4}), attribute("ends", std::vector<int64_t>{5, 4}),
                      attribute("axes", std::vector<int64_t>{1, 3})}}};
  EXPECT_EQ(run(model, image()), part({1, 5}, {0, 3}, {1, 4}));
}

OnnxModel clip(float low, float high) {
  OnnxModel model = model_of({1, 9}, {"y"}, 6);
  model.nodes = {{.name = "clip", .kind = "Clip", .inputs = {"x"}, .outputs = {"y"}, .attributes = {}}};
  if (std::isfinite(low)) model.nodes[0].attributes.push_back(attribute("min", low));
  if (std::isfinite(high)) model.nodes[0].attributes.push_back(attribute("max", high));
  return model;
}

TEST(OnnxClip, LimitsExactly) {
  const std::vector<float> x{-1e30f, -12.1f, -6, -.7f, 0, .1f, .3f, 5.9f, 1e30f};
  for (const float low : {-INFINITY, -12.f, -6.f, -.5f, 0.f})
    for (const float high : {0.f, .25f, 1.f, 6.f, 8.f, INFINITY}) {
      if (low == high) continue;
      std::vector<float> wanted;
      for (const float one : x) wanted.push_back(std::min(std::max(one, low), high));
      EXPECT_EQ(run(clip(low, high), x), wanted) << low << " … " << high;
    }
}

TEST(OnnxClip, RefusesLimitsThatWouldRound) {
  for (const auto& [low, high] : {std::pair{-5.f, 5.f}, {0.f, .3f}, {1.f, 2.f}, {-2.f, -1.f}, {1.f, INFINITY}, {4.f, 2.f}})
    EXPECT_NE(complaint(clip(low, high)).find("node 'clip' (Clip): limits to"), std::string::npos) << low << " … " << high;
}

/// Of two channels and three numbers each: y[o] = Σ w[o][c][k] x[c][i + k − 1], then a constant along the sequence, of which
/// there are as many numbers as filters, so that it could be taken for a bias.
TEST(OnnxConv, OfSequences) {
  OnnxModel model = model_of({1, 2, 3}, {"y"});
  OnnxTensor weights{.name = "w", .dims = {3, 2, 2}, .type = OnnxType::float32};
  for (int i = 0; i < 12; ++i) weights.floats.push_back(static_cast<float>(i * i % 7 - 3));
  model.initializers = {weights, {.name = "steps", .dims = {3}, .type = OnnxType::float32, .floats = {100, 200, 300}}};
  model.nodes = {{.name = "conv",
                  .kind = "Conv",
                  .inputs = {"x", "w"},
                  .outputs = {"c"},
                  .attributes = {attribute("pads", std::vector<int64_t>{1, 0})}},
                 {.name = "add", .kind = "Add", .inputs = {"c", "steps"}, .outputs = {"y"}, .attributes = {}}};
  const float x[2][3] = {{1, 2, 3}, {-4, 5, 6}};
  std::vector<float> wanted;
  for (size_t o = 0; o < 3; ++o)
    for (size_t i = 0; i < 3; ++i) {
      float sum = 100 * static_cast<float>(i + 1);
      for (size_t c = 0; c < 2; ++c)
        for (size_t k = i == 0 ? 1 : 0; k < 2; ++k) sum += weights.floats[(o * 2 + c) * 2 + k] * x[c][i + k - 1];
      wanted.push_back(sum);
    }
  EXPECT_EQ(run(model, {1, 2, 3, -4, 5, 6}), wanted);
}

/// x → Quantize → Dequantize → Conv → Quantize → Dequantize → y with weights of any zero point; or from x to y with these
/// alone.
OnnxModel far_weights(int64_t zero, bool integers) {
  OnnxModel model = model_of({1, 2, 3, 3}, {"y"});
  const auto real = [](const char* name, float number) {
    return OnnxTensor{.name = name, .type = OnnxType::float32, .floats = {number}};
  };
  OnnxTensor weights{.name = "w", .dims = {2, 2, 2, 2}, .type = OnnxType::uint8};
  for (int i = 0; i < 16; ++i) weights.integers.push_back(i * 17);
  model.initializers = {weights,
                        real("fine", .25f),
                        real("w_scale", .125f),
                        real("coarse", 3),
                        {.name = "w_zero", .type = OnnxType::uint8, .integers = {zero}},
                        {.name = "x_zero", .type = OnnxType::uint8, .integers = {30}},
                        {.name = "y_zero", .type = OnnxType::uint8, .integers = {128}}};
  const auto node = [&](const char* kind, std::vector<std::string> inputs, const char* output) {
    model.nodes.push_back({.name = output, .kind = kind, .inputs = std::move(inputs), .outputs = {output}, .attributes = {}});
  };
  node("DequantizeLinear", {"w", "w_scale", "w_zero"}, "weights");
  if (!integers) return node("Conv", {"x", "weights"}, "y"), model;
  node("QuantizeLinear", {"x", "fine", "x_zero"}, "q");
  node("DequantizeLinear", {"q", "fine", "x_zero"}, "r");
  node("Conv", {"r", "weights"}, "c");
  node("QuantizeLinear", {"c", "coarse", "y_zero"}, "s");
  node("DequantizeLinear", {"s", "coarse", "y_zero"}, "y");
  return model;
}

/// x → Quantize → Dequantize → an activation → Quantize → Dequantize → y, or ONNX Runtime's operator on integers between them.
struct ActivationFile {
  const char* kind;
  OnnxType type;
  float scale;  // of the result
  int64_t zero;

  OnnxModel model(bool one_operator) const {
    OnnxModel model = model_of({1, 256}, {"y"}, 21);
    model.opsets.push_back({"com.microsoft", 1});
    const auto integer = [&](const char* name, int64_t number) {
      return OnnxTensor{.name = name, .type = type, .integers = {number}};
    };
    model.initializers = {{.name = "x_scale", .type = OnnxType::float32, .floats = {.0625f}},
                          {.name = "y_scale", .type = OnnxType::float32, .floats = {scale}},
                          integer("x_zero", type == OnnxType::uint8 ? 128 : 0),
                          integer("y_zero", zero)};
    const auto node = [&](const std::string& operation, std::vector<std::string> inputs, const char* output) {
      model.nodes.push_back(
          {.name = output, .kind = operation, .inputs = std::move(inputs), .outputs = {output}, .attributes = {}});
    };
    node("QuantizeLinear", {"x", "x_scale", "x_zero"}, "q");
    if (one_operator) {
      node(std::string("QLinear") + kind, {"q", "x_scale", "x_zero", "y_scale", "y_zero"}, "s");
      model.nodes.back().domain = "com.microsoft";
    } else {
      node("DequantizeLinear", {"q", "x_scale", "x_zero"}, "r");
      node(kind, {"r"}, "f");
      node("QuantizeLinear", {"f", "y_scale", "y_zero"}, "s");
    }
    node("DequantizeLinear", {"s", "y_scale", "y_zero"}, "y");
    return model;
  }
};

/// TensorFlow Lite fixes the scale of a sigmoid's result; ONNX does not.
TEST(OnnxIntegers, AnActivationHasAnyScale) {
  std::vector<float> x;  // all that 8 bits have
  for (int i = -128; i < 128; ++i) x.push_back(.0625f * static_cast<float>(i));
  const auto expect_rounded = [&](const ActivationFile& file, bool one_operator, double (*function)(double)) {
    SCOPED_TRACE(std::string(file.kind) + ", scale " + std::to_string(file.scale) + (one_operator ? ", one operator" : ""));
    const std::vector<float> results = run(file.model(one_operator), x);
    ASSERT_EQ(results.size(), x.size());
    const bool is_int16 = file.type == OnnxType::int16;  // from TensorFlow Lite's table, between whose entries it interpolates
    const double steps = is_int16 ? 65536 : 256, reach = file.scale * (is_int16 ? 1 : .5),
                 least = file.type == OnnxType::uint8 ? 0 : -steps / 2;
    const double low = file.scale * (least - static_cast<double>(file.zero)), high = low + file.scale * (steps - 1);
    for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(results[i], std::clamp(function(x[i]), low, high), reach + 1e-6) << x[i];
  };
  const auto sigmoid = [](double z) { return 1 / (1 + std::exp(-z)); };
  const auto tanh = [](double z) { return std::tanh(z); };
  for (const bool one_operator : {false, true})
    for (const auto& [type, scale, zero] : {std::tuple{OnnxType::uint8, 1.f / 256, 0},
                                            {OnnxType::uint8, .0041f, 3},
                                            {OnnxType::int8, .0041f, -121},
                                            {OnnxType::int8, .0023f, -128}})
      expect_rounded({"Sigmoid", type, scale, zero}, one_operator, sigmoid);
  for (const auto& [type, scale, zero] :
       {std::tuple{OnnxType::uint8, 1.f / 128, 128}, {OnnxType::uint8, .0093f, 119}, {OnnxType::int8, .0071f, 2}})
    expect_rounded({"Tanh", type, scale, zero}, false, tanh);
  expect_rounded({"LeakyRelu", OnnxType::uint8, .05f, 100}, true, [](double z) { return z < 0 ? double{.01f} * z : z; });
  for (const float scale : {0x1p-15f, .00004f}) {
    expect_rounded({"Sigmoid", OnnxType::int16, scale, 0}, false, sigmoid);
    expect_rounded({"Tanh", OnnxType::int16, scale, 0}, false, tanh);
  }
}

/// As two operators, which round twice.
TEST(OnnxIntegers, ASigmoidOfAnyScaleIsWrittenAsTflite) {
  std::vector<float> x;
  for (int i = -128; i < 128; ++i) x.push_back(.0625f * static_cast<float>(i));
  const Graph graph =
      onnx_graph(ActivationFile{"Sigmoid", OnnxType::uint8, .0041f, 3}.model(false), {.constant_bytes = 1 << 20});
  const Graph written = parse_tflite(to_tflite(graph), "written");
  EXPECT_EQ(written.nodes.size(), graph.nodes.size() + 1);
  const std::vector<float> a = outputs_of(Plan(graph), x), b = outputs_of(Plan(written), x);
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1.001f * .0041f) << x[i];
}

TEST(OnnxIntegers, OfWeightsFarFromTheirZeroPoint) {
  std::vector<float> x;  // multiples of the input's scale, in the graph's order; those of the dynamic range, too
  for (int i = 0; i < 18; ++i) x.push_back(i == 0 ? 31.75f : i == 1 ? -31.75f : .25f * static_cast<float>(i * 7 % 19 - 9));
  for (const int zero : {0, 100, 128, 255})
    for (const bool integers : {true, false}) {
      const std::vector<float> results = run(far_weights(zero, integers), x);
      ASSERT_EQ(results.size(), 8u);
      for (size_t o = 0; o < 2; ++o)
        for (size_t place = 0; place < 4; ++place) {
          double sum = 0;
          for (size_t c = 0; c < 2; ++c)
            for (size_t k = 0; k < 4; ++k) {
              const size_t row = place / 2 + k / 2, column = place % 2 + k % 2;
              const double number = integers ? std::max(x[(row * 3 + column) * 2 + c], -7.5f) : x[(row * 3 + column) * 2 + c];
              sum += .125 * (17. * static_cast<double>((o * 2 + c) * 4 + k) - zero) * number;
            }
          const double wanted = integers ? std::clamp(sum, -384., 381.) : sum;
          EXPECT_NEAR(results[o * 4 + place], wanted, integers ? 1.5001 : 1e-3 * std::abs(sum) + 32)
              << "zero point " << zero << ", output " << o << ", place " << place;
        }
    }
}

}  // namespace
}  // namespace slimpilot
