// SPDX-License-Identifier: Apache-2.0
// Quantization on every instruction set equals the reference bit for bit, on ties, extremes and what is no number.
#include "engine/kernels/quantize/quantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/random.h"
#include "engine/kernels/kernels.h"

namespace slimpilot {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Every tie and its neighbours in the types' ranges, extremes, and random numbers, all for this scale.
std::vector<float> awkward_numbers(float scale, int reach, Random& random) {
  std::vector<float> x{0,       -0.0f,    kInfinity,     -kInfinity,     std::nanf(""), -std::nanf(""),
                       3.4e38f, -3.4e38f, 2147483648.0f, -2147483648.0f, 1e-45f,        -1e-45f};
  const int step = std::max(1, reach / 300);
  for (int i = -reach; i <= reach; i += step) {
    const float tie = (static_cast<float>(i) + .5f) * scale;
    for (const float y : {tie, std::nextafter(tie, kInfinity), std::nextafter(tie, -kInfinity)}) x.push_back(y);
  }
  for (int i = 0; i < 500; ++i) x.push_back(static_cast<float>(random.uniform(-1.2, 1.2) * reach) * scale);
  return x;
}

/// At odd places and of odd lengths, so that vectors' ends are met.
template <class T>
void compare(KernelFunction<QuantizeArgs> kernel, KernelFunction<QuantizeArgs> reference, int zero_point, float scale) {
  Random random(4);
  const auto all = awkward_numbers(scale, std::numeric_limits<T>::max() + 3, random);
  for (const size_t skip : {size_t{0}, size_t{1}, size_t{5}, all.size() - 3}) {
    const QuantizeArgs args{static_cast<int64_t>(all.size() - skip), scale, zero_point};
    std::vector<float> x(all.begin() + static_cast<ptrdiff_t>(skip), all.end());
    x.resize(x.size() + 16);
    std::vector<T> expected(x.size(), 77), actual(x.size(), 77);
    reference(args, {{x.data(), nullptr}, expected.data(), nullptr});
    kernel(args, {{x.data(), nullptr}, actual.data(), nullptr});
    for (size_t i = 0; i < all.size() - skip; ++i)
      ASSERT_EQ(actual[i], expected[i]) << x[i] << " / " << scale << " + " << zero_point;
  }
}

TEST(Quantize, EveryIsaEqualsTheReference) {
  for (const Isa isa : supported_isas()) {
    SCOPED_TRACE(isa_name(isa));
    const QuantizeKernels& k = kernels(isa).quantize;
    for (const float scale : {1.0f, 1.0f / 255, .0173f, 37.5f, 1e-30f, 1e30f}) {
      for (const int zero_point : {0, -128, 127, 3})
        compare<int8_t>(k.f32_to_s8, reference::quantize.f32_to_s8, zero_point, scale);
      for (const int zero_point : {0, -32768, 32767})
        compare<int16_t>(k.f32_to_s16, reference::quantize.f32_to_s16, zero_point, scale);
    }
  }
}

/// Kernels may multiply by an inverse: no scale may show it.
TEST(Quantize, OfManyScales) {
  Random random(6);
  std::vector<float> scales{1e-20f, 1e20f, std::nextafter(1e-20f, 1.0f), std::nextafter(1e20f, 1.0f),
                            std::nextafter(2.0f, 0.0f)};
  for (int i = 0; i < 200; ++i) scales.push_back(static_cast<float>(std::exp(random.uniform(-45, 45))));
  for (const Isa isa : supported_isas()) {
    SCOPED_TRACE(isa_name(isa));
    for (const float scale : scales) compare<int8_t>(kernels(isa).quantize.f32_to_s8, reference::quantize.f32_to_s8, 3, scale);
  }
}

TEST(Quantize, ReferenceOfKnownNumbers) {
  const float x[] = {.5f, -.5f, 1.5f, .49999997f, -0.0f, 1e9f, -1e9f, kInfinity, -kInfinity, std::nanf("")};
  const int expected[] = {3, 1, 4, 2, 2, 127, -128, 127, -128, -128};
  int8_t y[10];
  reference::quantize.f32_to_s8({10, 1, 2}, {{x, nullptr}, y, nullptr});
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ(y[i], expected[i]) << x[i];
}

template <class T>
void compare_back(KernelFunction<QuantizeArgs> kernel, KernelFunction<QuantizeArgs> reference) {
  std::vector<T> x;
  for (int i = std::numeric_limits<T>::min(); i <= std::numeric_limits<T>::max(); ++i) x.push_back(static_cast<T>(i));
  for (const int zero_point : {0, -128, 127}) {
    const QuantizeArgs args{static_cast<int64_t>(x.size()) - 1, .0173f, zero_point};
    std::vector<float> expected(x.size()), actual(x.size());
    reference(args, {{x.data(), nullptr}, expected.data(), nullptr});
    kernel(args, {{x.data(), nullptr}, actual.data(), nullptr});
    EXPECT_EQ(actual, expected);
    EXPECT_EQ(expected[100], .0173f * static_cast<float>(x[100] - zero_point));
  }
}

TEST(Dequantize, EveryIsaEqualsTheReference) {
  for (const Isa isa : supported_isas()) {
    SCOPED_TRACE(isa_name(isa));
    compare_back<int8_t>(kernels(isa).quantize.s8_to_f32, reference::quantize.s8_to_f32);
    compare_back<int16_t>(kernels(isa).quantize.s16_to_f32, reference::quantize.s16_to_f32);
  }
}

TEST(Requantize, BetweenScales) {
  const int8_t x[] = {-128, -3, 0, 1, 2, 127};
  int8_t y[6];
  // Half the scale, so half the integers: multiplier 2³⁰ with shift 0 is ½; from zero point 0 to 10.
  reference::quantize.s8_to_s8({6, 0, 10, 1 << 30, 0}, {{x, nullptr}, y, nullptr});
  EXPECT_EQ(y[0], -54);
  EXPECT_EQ(y[2], 10);
  EXPECT_EQ(y[4], 11);
  EXPECT_EQ(y[5], 74);
}

}  // namespace
}  // namespace slimpilot
