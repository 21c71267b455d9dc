// SPDX-License-Identifier: Apache-2.0
// Rounding with feedback against plain rounding, and the covariance that it needs against the textbook formula.
#include "optimize/round_weights.h"

#include <gtest/gtest.h>

#include "optimize/pass_test.h"
#include "optimize/patch_covariance.h"
#include "optimize/quantize_weights.h"

namespace slimpilot {
namespace {

/// A·Aᵀ with few large directions: inputs that vary together.
std::vector<double> correlated(Random& random, size_t k) {
  const size_t directions = k / 4;
  std::vector<double> a(k * directions), c(k * k);
  for (double& x : a) x = random.uniform(-1, 1);
  for (size_t i = 0; i < k; ++i)
    for (size_t j = 0; j < k; ++j)
      for (size_t d = 0; d < directions; ++d) c[i * k + j] += a[i * directions + d] * a[j * directions + d];
  for (size_t i = 0; i < k; ++i) c[i * k + i] += .05;
  return c;
}

/// (ŵ − w)ᵀ C (ŵ − w) over all outputs.
double result_error(const Value& real, const Value& rounded, const std::vector<double>& c, size_t k) {
  const auto w = constant_as_floats(real), r = constant_as_floats(rounded);
  double error = 0;
  for (size_t o = 0; o * k < w.size(); ++o)
    for (size_t i = 0; i < k; ++i)
      for (size_t j = 0; j < k; ++j)
        error += (static_cast<double>(r[o * k + i]) - w[o * k + i]) * c[i * k + j] *
                 (static_cast<double>(r[o * k + j]) - w[o * k + j]);
  return error;
}

TEST(RoundWithFeedback, LowersTheErrorOfResults) {
  constexpr size_t kInputs = 36;
  Random random(7);
  for (int trial = 0; trial < 10; ++trial) {
    Graph graph;
    const Value real = graph.value(add_constant(graph, "w", {8, 3, 3, 4}, random_floats(random, 8 * 36, -1, 1)));
    const auto covariance = correlated(random, kInputs);
    const Value plain = quantized_weights(real, 0);
    Value together = plain;
    round_with_feedback(together, real, covariance);
    EXPECT_EQ(together.quantization, plain.quantization);
    EXPECT_LT(result_error(real, together, covariance, kInputs), .5 * result_error(real, plain, covariance, kInputs));
  }
}

/// Independent inputs give nothing to spread errors over.
TEST(RoundWithFeedback, OfIndependentInputsIsPlainRounding) {
  Random random(8);
  Graph graph;
  const Value real = graph.value(add_constant(graph, "w", {3, 10}, random_floats(random, 30, -1, 1)));
  std::vector<double> covariance(100);
  for (size_t i = 0; i < 10; ++i) covariance[i * 11] = random.uniform(.1, 2);
  const Value plain = quantized_weights(real, 0);
  Value together = plain;
  round_with_feedback(together, real, covariance);
  EXPECT_EQ(together, plain);
}

TEST(RoundWithFeedback, SurvivesInputsThatNeverVary) {
  Random random(9);
  Graph graph;
  const Value real = graph.value(add_constant(graph, "w", {2, 6}, random_floats(random, 12, -1, 1)));
  const Value plain = quantized_weights(real, 0);
  for (const double same : {0.0, 1.0}) {  // all zero; all inputs equal
    Value together = plain;
    round_with_feedback(together, real, std::vector<double>(36, same));
    for (size_t i = 0; i < 12; ++i) EXPECT_LE(std::abs(together.elements<int8_t>()[i]), 127);
    if (same == 0) {
      EXPECT_EQ(together, plain);
    }
  }
}

/// The mean and covariance of every window of every frame; there are few enough that none is left out.
std::vector<double> naive_covariance(const std::vector<std::vector<float>>& patches) {
  const size_t k = patches[0].size();
  std::vector<double> mean(k), covariance(k * k);
  const double n = static_cast<double>(patches.size());
  for (const auto& patch : patches)
    for (size_t i = 0; i < k; ++i) mean[i] += patch[i] / n;
  for (const auto& patch : patches)
    for (size_t i = 0; i < k; ++i)
      for (size_t j = 0; j < k; ++j) covariance[i * k + j] += (patch[i] - mean[i]) * (patch[j] - mean[j]) / n;
  return covariance;
}

TEST(PatchCovariance, OfAPaddedConvolution) {
  TestNetwork network({1, 5, 6, 2});
  const Graph graph = network.conv("conv", 3, 3, {2, 2, Padding::same}).finish();
  PatchCovariance covariance(graph, graph.nodes[0]);
  EXPECT_EQ(covariance.inputs(), 18);
  EXPECT_FALSE(covariance.is_reliable());
  const auto frames = random_inputs(graph, 8, -1, 2, 11);
  std::vector<std::vector<float>> patches;
  for (size_t f = 0; f < frames.size(); ++f) {
    covariance.add(frames[f], f);
    for (int y = -1; y < 5; y += 2)  // 5 rows: one above and one below are added; 6 columns: one on the right
      for (int x = 0; x < 6; x += 2) {
        std::vector<float> patch;
        for (int dy = 0; dy < 3; ++dy)
          for (int dx = 0; dx < 3; ++dx)
            for (int c = 0; c < 2; ++c) {
              const bool inside = y + dy >= 0 && y + dy < 5 && x + dx < 6;
              patch.push_back(inside ? frames[f][static_cast<size_t>(((y + dy) * 6 + x + dx) * 2 + c)] : 0);
            }
        patches.push_back(patch);
      }
  }
  EXPECT_TRUE(covariance.is_reliable());
  const auto expected = naive_covariance(patches), actual = covariance.matrix();
  ASSERT_EQ(patches.size(), 72u);
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 1e-6) << i;  // products are of floats
}

TEST(PatchCovariance, OfADenseLayer) {
  const Graph graph = TestNetwork({1, 7}).dense("dense", 2).finish();
  PatchCovariance covariance(graph, graph.nodes[0]);
  const auto frames = random_inputs(graph, 20, -1, 2, 12);
  for (size_t f = 0; f < frames.size(); ++f) covariance.add(frames[f], f);
  const auto expected = naive_covariance(frames), actual = covariance.matrix();
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 1e-6) << i;
}

TEST(PatchCovariance, FitsLayersWithFewWeightsPerOutput) {
  const Graph graph =
      TestNetwork({1, 1024}).dense("fits", 1025).dense("too large", 2).activation("none", ActivationKind::relu).finish();
  EXPECT_TRUE(PatchCovariance::fits(graph, graph.nodes[0]));
  EXPECT_FALSE(PatchCovariance::fits(graph, graph.nodes[1]));
  EXPECT_FALSE(PatchCovariance::fits(graph, graph.nodes[2]));
}

}  // namespace
}  // namespace slimpilot
