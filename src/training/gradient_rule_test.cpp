// SPDX-License-Identifier: Apache-2.0
#include "training/gradient_rule.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace slimpilot {
namespace {

TEST(GradientRule, ZeroesAndAverages) {
  Value weight{.name = "w", .shape = {1, 6}};
  const std::vector<float> numbers{0, 1, 2, 1, 0, 2};
  const auto bytes = std::as_bytes(std::span(numbers));
  weight.data.assign(bytes.begin(), bytes.end());
  std::vector<float> gradient{1, 2, 3, 4, 5, 6};
  GradientRule(weight).apply(gradient);  // no promise
  EXPECT_EQ(gradient, (std::vector<float>{1, 2, 3, 4, 5, 6}));
  weight.constraint = {.keep_zeros = true};
  GradientRule(weight).apply(gradient);
  EXPECT_EQ(gradient, (std::vector<float>{0, 2, 3, 4, 0, 6}));
  gradient = {1, 2, 3, 4, 5, 6};
  weight.constraint = {.keep_zeros = true, .max_distinct = 3};
  GradientRule(weight).apply(gradient);
  EXPECT_EQ(gradient, (std::vector<float>{0, 3, 4.5f, 3, 0, 4.5f}));
  gradient = {1, 2, 3, 4, 5, 6};
  weight.constraint = {.max_distinct = 3};
  GradientRule(weight).apply(gradient);
  EXPECT_EQ(gradient, (std::vector<float>{3, 3, 4.5f, 3, 3, 4.5f}));
  weight.constraint.max_distinct = 2;
  EXPECT_THROW(GradientRule{weight}, Error);
}

}  // namespace
}  // namespace slimpilot
