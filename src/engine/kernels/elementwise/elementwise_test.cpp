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

TEST(Elementwise, ScalingOfEveryIsaEqualsTheReference) {
  Random random(8);
  for (const int channels : {16, 48, 80})
    for (const int64_t count : kCounts) {
      std::vector<float> x(static_cast<size_t>(count)), scale(static_cast<size_t>(channels)), offset(scale.size());
      for (auto* numbers : {&x, &scale, &offset})
        for (float& number : *numbers) number = static_cast<float>(random.uniform(-3, 3));
      const ScaleArgs args{count, channels, scale.data(), offset.data()};
      const auto expected = run(reference::elementwise.scale_f32, args, x);
      EXPECT_EQ(expected.back(), x.back() * scale[(x.size() - 1) % scale.size()] + offset[(x.size() - 1) % scale.size()]);
      for (const Isa isa : supported_isas())
        EXPECT_EQ(run(kernels(isa).elementwise.scale_f32, args, x), expected) << isa_name(isa);
    }
}

double exact_function(const CellFunction& f, double x) {
  switch (f.kind) {
    case CellFunction::Kind::line:
      return std::clamp(static_cast<double>(f.slope) * x + f.offset, double{f.low}, double{f.high});
    case CellFunction::Kind::elu: return x < 0 ? std::expm1(x) : x;
    case CellFunction::Kind::tanh: return std::tanh(x);
    case CellFunction::Kind::sigmoid: return 1 / (1 + std::exp(-x));
  }
  return NAN;
}

/// To the last bit on every instruction set, and near the definition in double.
TEST(Elementwise, LstmStepsOfEveryIsaEqualTheReference) {
  using enum CellFunction::Kind;
  const CellFunction functions[] = {{tanh}, {sigmoid}, {elu}, {line, .2f, .5f, 0, 1}, {line, 1, 0, -1e30f, 1e30f}};
  constexpr size_t kPixels = 3, kBehind = 16;
  Random random(6);
  for (const size_t filters : {1, 3, 4, 5, 8, 13, 16, 31, 48})
    for (const CellFunction& gate : functions)
      for (const CellFunction& cell : functions) {
        const size_t count = kPixels * filters;
        std::vector<float> inputs(4 * count + kBehind), recurrent(inputs.size()), cells(count + kBehind, 77);
        for (float& x : inputs) x = static_cast<float>(random.uniform(-3, 3));
        for (float& x : recurrent) x = static_cast<float>(random.uniform(-3, 3));
        std::generate_n(cells.begin(), count, [&] { return static_cast<float>(random.uniform(-2, 2)); });
        const LstmStepArgs args{static_cast<int>(kPixels), static_cast<int>(filters), gate, cell};
        const auto step = [&](const ElementwiseKernels& kernels) {
          std::vector<float> state = cells, hidden(count + kBehind, 77);
          kernels.lstm_step(args, {{inputs.data(), recurrent.data()}, hidden.data(), nullptr, state.data()});
          hidden.insert(hidden.end(), state.begin(), state.end());
          return hidden;
        };
        const std::vector<float> expected = step(reference::elementwise);
        for (size_t i = 0; i < count; ++i) {
          const auto sum = [&](size_t g) {
            const size_t at = i / filters * 4 * filters + g * filters + i % filters;
            return static_cast<double>(inputs[at]) + recurrent[at];
          };
          const double c =
              exact_function(gate, sum(1)) * cells[i] + exact_function(gate, sum(0)) * exact_function(cell, sum(2));
          ASSERT_NEAR(expected[count + kBehind + i], c, 1e-5 * (1 + std::abs(c)));
          const double h = exact_function(gate, sum(3)) * exact_function(cell, c);
          ASSERT_NEAR(expected[i], h, 2e-5 * (1 + std::abs(h)));
        }
        for (const Isa isa : supported_isas()) EXPECT_EQ(step(kernels(isa).elementwise), expected) << isa_name(isa);
        for (size_t i = count; i < count + kBehind; ++i)
          EXPECT_TRUE(expected[i] == 77 && expected[count + kBehind + i] == 77) << "wrote past the end";
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
