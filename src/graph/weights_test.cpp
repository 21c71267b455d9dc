// SPDX-License-Identifier: Apache-2.0
#include "graph/weights.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace slimpilot {
namespace {

template <class T>
Value constant(ElementType type, Shape shape, const std::vector<T>& numbers) {
  Value value{.name = "w", .shape = std::move(shape), .type = type};
  value.data.resize(numbers.size() * sizeof(T));
  std::ranges::copy(numbers, value.elements<T>().begin());
  return value;
}

TEST(Weights, CountZerosDistinctNumbersAndEntropy) {
  const auto value = constant<int16_t>(ElementType::s16, {8}, {0, 3, 0, -3, 0, 300, 0, 3});
  const WeightStatistics statistics = weight_statistics(value);
  EXPECT_EQ(statistics.elements, 8u);
  EXPECT_EQ(statistics.zeros, 4u);
  EXPECT_EQ(statistics.distinct, 4u);
  EXPECT_DOUBLE_EQ(statistics.entropy_bits, .5 * 1 + .25 * 2 + .125 * 3 + .125 * 3);
  EXPECT_DOUBLE_EQ(statistics.sparsity(), .5);
}

TEST(Weights, NegativeZeroIsZero) {
  const auto real = constant<float>(ElementType::f32, {4}, {0.0f, -0.0f, 1.0f, -1.0f});
  EXPECT_EQ(weight_statistics(real).zeros, 2u);
  EXPECT_EQ(weight_statistics(real).distinct, 3u);
  EXPECT_EQ(sparsity(real), .5);
  EXPECT_EQ(equal_groups(real).group, (std::vector<int32_t>{-1, -1, 0, 1}));
  const auto half = constant<uint16_t>(ElementType::f16, {4}, {0x0000, 0x8000, 0x3C00, 0xBC00});
  EXPECT_EQ(weight_statistics(half).zeros, 2u);
  EXPECT_EQ(weight_statistics(half).distinct, 3u);
}

TEST(Weights, AChannelWithItsOwnScaleCountsForItself) {
  auto value = constant<int8_t>(ElementType::s8, {2, 3}, {1, 2, 1, 1, 0, 1});
  value.quantization = Quantization{{.1f, .2f}, {0, 0}, 0};
  const EqualGroups groups = equal_groups(value);
  EXPECT_EQ(groups.group, (std::vector<int32_t>{0, 1, 0, 2, -1, 2}));
  EXPECT_EQ(groups.count, 3);
  EXPECT_EQ(groups.most_distinct, 2);
}

}  // namespace
}  // namespace slimpilot
