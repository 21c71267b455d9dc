// SPDX-License-Identifier: Apache-2.0
// Scales and integers of quantized weights against numbers worked out by hand, and fitted scales against full ones.
#include "optimize/quantize_weights.h"

#include <gtest/gtest.h>

#include "optimize/pass_test.h"

namespace slimpilot {
namespace {

Value weights_of(const Shape& shape, const std::vector<float>& numbers) {
  Graph graph;
  return graph.value(add_constant(graph, "w", shape, numbers));
}

std::vector<int> integers_of(const Value& value) {
  const auto elements = value.elements<int8_t>();
  return {elements.begin(), elements.end()};
}

TEST(QuantizedWeights, OneScalePerOutput) {
  const Value result = quantized_weights(weights_of({2, 3}, {127, -1, 2.4f, -.5f, .25f, .1f}), 0);
  EXPECT_EQ(result.name, "w");
  EXPECT_EQ(result.type, ElementType::s8);
  EXPECT_EQ(*result.quantization, (Quantization{{1, static_cast<float>(.5 / 127)}, {0, 0}, 0}));
  EXPECT_EQ(integers_of(result), (std::vector<int>{127, -1, 2, -127, 64, 25}));
}

TEST(QuantizedWeights, TiesGoAwayFromZero) {
  const Value result = quantized_weights(weights_of({1, 5}, {127, 2.5f, -2.5f, .5f, -.5f}), 0);
  EXPECT_EQ(integers_of(result), (std::vector<int>{127, 3, -3, 1, -1}));
}

TEST(QuantizedWeights, AlongTheLastAxis) {
  const Value result = quantized_weights(weights_of({1, 1, 2, 2}, {127, 1, -3, 254}), 3);
  EXPECT_EQ(*result.quantization, (Quantization{{1, 2}, {0, 0}, 3}));
  EXPECT_EQ(integers_of(result), (std::vector<int>{127, 1, -3, 127}));
}

TEST(QuantizedWeights, OneChannelHasNoAxis) {
  EXPECT_EQ(quantized_weights(weights_of({1, 2}, {1, 2}), 0).quantization->axis, -1);
}

TEST(QuantizedWeights, ZerosHaveAScale) {
  const Value result = quantized_weights(weights_of({2, 2}, {0, 0, 1e-9f, -1e-9f}), 0);
  for (const float scale : result.quantization->scale) EXPECT_EQ(scale, static_cast<float>(5e-7 / 127));
  EXPECT_EQ(integers_of(result), (std::vector<int>{0, 0, 0, 0}));
}

double weighted_error(const Value& real, const Value& rounded, size_t channel, const std::vector<float>& importance) {
  const auto a = constant_as_floats(real), b = constant_as_floats(rounded);
  const size_t inner = a.size() / static_cast<size_t>(real.shape[0]);
  double error = 0;
  for (size_t i = channel * inner; i < (channel + 1) * inner; ++i)
    error += std::pow(static_cast<double>(a[i]) - b[i], 2) * importance[i % importance.size()];
  return error;
}

/// Up to what rounding the scales to float changes.
TEST(FittedWeights, AreNeverWorse) {
  Random random(3);
  bool better = false;
  for (int trial = 0; trial < 20; ++trial) {
    auto numbers = random_floats(random, 4 * 3 * 3 * 5, -1, 1);
    for (float& x : numbers) x = x * x * x;  // a few large ones, where clipping pays
    const Value real = weights_of({4, 3, 3, 5}, numbers);
    const auto importance = random_floats(random, 5, 0, 1);
    const Value full = quantized_weights(real, 0), fitted = fitted_weights(real, 0, {std::vector<float>(4), importance});
    for (size_t c = 0; c < 4; ++c) {
      const double before = weighted_error(real, full, c, importance), after = weighted_error(real, fitted, c, importance);
      EXPECT_LE(after, before * (1 + 1e-5));
      better |= after < before * .99;
      EXPECT_LE(fitted.quantization->scale[c], full.quantization->scale[c]);
      EXPECT_GE(fitted.quantization->scale[c], .799f * full.quantization->scale[c]);
    }
  }
  EXPECT_TRUE(better);
}

TEST(FittedWeights, KeepTheLeastScale) {
  const Value real = weights_of({2, 2}, {1, .5f, 1, .5f});
  const Value fitted = fitted_weights(real, 0, {{.1f, 0}, {1, 1}});
  EXPECT_FLOAT_EQ(fitted.quantization->scale[0], .1f);
  EXPECT_EQ(integers_of(fitted)[0], 10);
  EXPECT_LE(fitted.quantization->scale[1], 1.0f / 127);
}

TEST(FittedWeights, OfZerosAndWithoutImportance) {
  const Value zeros = fitted_weights(weights_of({1, 2}, {0, 0}), 0, {{0}, {1, 1}});
  EXPECT_EQ(integers_of(zeros), (std::vector<int>{0, 0}));
  EXPECT_GT(zeros.quantization->scale[0], 0);
  EXPECT_EQ(integers_of(fitted_weights(weights_of({1, 2}, {1, -1}), 0, {{0}, {0, 0}})), (std::vector<int>{127, -127}));
}

TEST(FittedWeights, OfFourBitsClipMore) {
  Random random(5);
  auto numbers = random_floats(random, 2 * 100, -1, 1);
  numbers[0] = numbers[100] = 2;
  const Value real = weights_of({2, 100}, numbers);
  const std::vector<float> importance(100, 1), none(2);
  const Value fitted = fitted_weights(real, 0, {none, importance, 7, .4});
  for (const int w : integers_of(fitted)) EXPECT_LE(std::abs(w), 7);
  const Value full = fitted_weights(real, 0, {none, importance, 7, 1});
  EXPECT_FLOAT_EQ(full.quantization->scale[0], 2.0f / 7);
  for (size_t c = 0; c < 2; ++c) {
    EXPECT_LT(fitted.quantization->scale[c], .9f * full.quantization->scale[c]);
    EXPECT_LT(weighted_error(real, fitted, c, importance), weighted_error(real, full, c, importance));
  }
}

}  // namespace
}  // namespace slimpilot
