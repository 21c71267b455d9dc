// SPDX-License-Identifier: Apache-2.0
// Element-wise kernels against numbers that LiteRT computed, and those of every instruction set against the reference.
#include "engine/kernels/elementwise/elementwise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/random.h"
#include "engine/kernels/kernels.h"
#include "engine/memory.h"
#include "engine/quantized_scale.h"

namespace slimpilot {
namespace {

/// At inputs of 128·k and a scale of 1/6144, tanh is entry k of the interpolated table less 32768: entries 4, 29, 112 and 255
/// of LiteRT's are one above the rounded curve, 5 and 200 are not.
TEST(Elementwise, TanhS16EqualsLiteRt) {
  const int16_t input[] = {0, 128 * 4, 128 * 5, 128 * 29, 128 * 112, 128 * 200, -128 * 29, 128 * 4 + 64, 128 * 255 - 1};
  const int16_t expected[] = {0, 2725, 3401, 17696, 32158, 32752, -17696, 3063, 32767};
  int16_t output[9];
  reference::elementwise.tanh_s16({.count = 9, .multiplier = 16384, .shift = 13}, {{input, nullptr}, output, nullptr});
  for (size_t i = 0; i < 9; ++i) EXPECT_EQ(output[i], expected[i]) << "input " << input[i];
}

constexpr int64_t kCounts[] = {1, 7, 16, 63, 64, 65, 200};

/// Runs a kernel on `input` and checks that it writes nothing behind its output.
template <class T, class Args>
std::vector<T> run(KernelFunction<Args> kernel, const Args& args, const std::vector<T>& a, const std::vector<T>& b = {}) {
  const auto count = static_cast<size_t>(args.count), bytes = count * sizeof(T);
  AlignedBytes x = aligned_bytes(bytes + 64), z = aligned_bytes(bytes + 64), y = aligned_bytes(bytes + 128);
  std::copy_n(a.begin(), count, reinterpret_cast<T*>(x.data()));
  std::copy_n(b.begin(), std::min(count, b.size()), reinterpret_cast<T*>(z.data()));
  auto* const result = reinterpret_cast<T*>(y.data());
  std::fill_n(result + count, 64 / sizeof(T), T{77});
  kernel(args, {{x.data(), z.data()}, result, nullptr});
  for (size_t i = 0; i < 64 / sizeof(T); ++i) EXPECT_EQ(result[count + i], T{77}) << "wrote past the end";
  return {result, result + count};
}

struct Curve {
  KernelFunction<UnaryArgs> ElementwiseKernels::*kernel;
  double (*exact)(double);
  double least_unit = 1e-6;  // results below this are as exact as it is
};

TEST(Elementwise, CurvesAreWithinThreeUnitsInTheLastPlace) {
  const Curve curves[] = {
      {&ElementwiseKernels::tanh, [](double x) { return std::tanh(x); }},
      {&ElementwiseKernels::sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }},
      {&ElementwiseKernels::elu, [](double x) { return x < 0 ? std::expm1(x) : x; }},
      {&ElementwiseKernels::hard_sigmoid, [](double x) { return std::clamp(.2 * x + .5, 0.0, 1.0); }, .5},
  };
  std::vector<float> x{0, -0.0f, 1e-30f, -1e-30f, 1e-6f, 1e30f, -1e30f, INFINITY, -INFINITY, 80, -80, 9.01f, -9.01f};
  Random random(3);
  for (const double range : {.01, 1.0, 5.0, 50.0})
    for (int i = 0; i < 500; ++i) x.push_back(static_cast<float>(random.uniform(-range, range)));
  for (const Isa isa : supported_isas())
    for (const Curve& curve : curves) {
      const auto y = run(kernels(isa).elementwise.*curve.kernel, UnaryArgs{static_cast<int64_t>(x.size())}, x);
      for (size_t i = 0; i < x.size(); ++i) {
        const double exact = curve.exact(static_cast<double>(x[i]));
        const double unit = std::max(std::abs(exact), curve.least_unit) * 1.2e-7;
        EXPECT_TRUE(static_cast<double>(y[i]) == exact || std::abs(y[i] - exact) <= 3 * unit)
            << isa_name(isa) << " of " << x[i] << ": " << y[i] << " instead of " << exact;
      }
    }
}

TEST(Elementwise, IntegersOfEveryIsaEqualTheReference) {
  Random random(4);
  const auto integers = [&](size_t count) {
    std::vector<int8_t> result(count);
    for (int8_t& x : result) x = static_cast<int8_t>(random.uniform() < .1 ? -128 : random.below(256));
    return result;
  };
  for (int trial = 0; trial < 40; ++trial)
    for (const int64_t count : kCounts) {
      const auto a = integers(200), b = integers(200);
      const FixedPoint left = fixed_point(random.uniform(.1, 1)), right = fixed_point(random.uniform(.1, 1)),
                       out = fixed_point(random.uniform(1e-7, 1e-5)), product = fixed_point(random.uniform(.001, 3));
      const auto zero = [&] { return static_cast<int32_t>(random.below(256)) - 128; };
      BinaryArgs args{.count = count,
                      .b_count = trial % 4 == 0 ? 1 : count,
                      .b_inner = 1,
                      .a_zero_point = zero(),
                      .b_zero_point = zero(),
                      .output_zero_point = zero(),
                      .a_multiplier = left.multiplier,
                      .a_shift = left.shift,
                      .b_multiplier = right.multiplier,
                      .b_shift = right.shift,
                      .output_multiplier = out.multiplier,
                      .output_shift = out.shift,
                      .left_shift = 20,
                      .low = -128,
                      .high = 120};
      const auto sum = run(reference::elementwise.add_s8, args, a, b);
      BinaryArgs times = args;
      times.output_multiplier = product.multiplier, times.output_shift = product.shift;
      const auto multiplied = run(reference::elementwise.multiply_s8, times, a, b);
      for (const Isa isa : supported_isas()) {
        EXPECT_EQ(run(kernels(isa).elementwise.add_s8, args, a, b), sum) << isa_name(isa);
        EXPECT_EQ(run(kernels(isa).elementwise.multiply_s8, times, a, b), multiplied) << isa_name(isa);
      }
    }
  for (const int channels : {1, 2, 3, 4, 5})
    for (const int64_t groups : {1, 5, 21, 22, 150}) {
      const auto table = integers(static_cast<size_t>(channels) * 256 + 64), x = integers(800);
      const LookupArgs args{groups * channels, channels, table.data()};
      const auto expected = run(reference::elementwise.lookup_s8, args, x);
      for (const Isa isa : supported_isas())
        EXPECT_EQ(run(kernels(isa).elementwise.lookup_s8, args, x), expected) << isa_name(isa) << ", " << channels;
    }
}

}  // namespace
}  // namespace slimpilot
