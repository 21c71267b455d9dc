// SPDX-License-Identifier: Apache-2.0
// Reduced arithmetic (docs/reduced.md): the error that it states, against sums in float64 of what was not rounded, and the
// order of its sums, which is the reference's on every level of one kind.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "base/random.h"
#include "engine/kernels/kernels.h"
#include "engine/kernels/packing.h"
#include "engine/memory.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

/// A convolution with its numbers; sizes as in Conv2dArgs.
struct Layer {
  Conv2dArgs args;
  std::vector<float> input, weights, bias;

  /// Numbers of all magnitudes up to 10^±`decades`.
  Layer(const Conv2dArgs& a, double decades, uint64_t seed) : args(a) {
    Random random(seed);
    const auto fill = [&](std::vector<float>& numbers, int count) {
      for (int i = 0; i < count; ++i)
        numbers.push_back(random.uniform() < 0.3
                              ? 0
                              : static_cast<float>(random.uniform(-2, 2) * std::pow(10, random.uniform(-decades, decades))));
    };
    fill(input, a.in_h * a.in_w * a.in_c);
    fill(weights, a.out_c * a.kernel_h * a.kernel_w * a.in_c);
    fill(bias, a.out_c);
  }

  std::vector<float> run(const PackedKernel<Conv2dArgs>& kernel) const {
    std::vector<uint16_t> rounded;
    for (const float w : weights) rounded.push_back(float_to_bfloat16(w));
    const WeightShape shape{args.out_c, args.kernel_h, args.kernel_w * args.in_c};
    const auto packed = pack_weights(std::as_bytes(std::span(rounded)), shape, 2, kernel.layout);
    std::vector<float> padded_bias = bias;
    padded_bias.resize(bias.size() + kChannelPadding);
    const size_t results = static_cast<size_t>(args.out_h) * static_cast<size_t>(args.out_w) * bias.size();
    AlignedBytes x = aligned_bytes(input.size() * 4 + 64), y = aligned_bytes(results * 4),
                 scratch = aligned_bytes(conv2d_scratch_bytes(args));
    std::memset(scratch.data(), 0xFF, conv2d_scratch_bytes(args));  // NaN, as other steps may leave it
    std::memcpy(x.data(), input.data(), input.size() * 4);
    Conv2dArgs a = args;
    a.weights = packed.data(), a.real = {padded_bias.data(), nullptr, -3.4e38f, 3.4e38f};
    kernel.run(a, {{x.data(), nullptr}, y.data(), scratch.data()});
    const auto* first = reinterpret_cast<const float*>(y.data());
    return {first, first + results};
  }

  /// Calls check(sum, sum of magnitudes, number of products, index) for each result, in float64.
  template <class F>
  void for_each_sum(F&& check) const {
    const int run = args.kernel_w * args.in_c;
    for (int i = 0; i < args.out_h * args.out_w * args.out_c; ++i) {
      const int o = i % args.out_c, ox = i / args.out_c % args.out_w, oy = i / args.out_c / args.out_w;
      double sum = 0, magnitudes = 0;
      for (int ky = 0; ky < args.kernel_h; ++ky)
        for (int k = 0; k < run; ++k) {
          const int iy = oy * args.stride_h - args.pad_top + ky, ix = ox * args.stride_w - args.pad_left + k / args.in_c;
          if (iy < 0 || iy >= args.in_h || ix < 0 || ix >= args.in_w) continue;
          const double product =
              static_cast<double>(input[static_cast<size_t>((iy * args.in_w + ix) * args.in_c + k % args.in_c)]) *
              static_cast<double>(weights[static_cast<size_t>((o * args.kernel_h + ky) * run + k)]);
          sum += product, magnitudes += std::abs(product);
        }
      check(sum, magnitudes, args.kernel_h * run, static_cast<size_t>(i));
    }
  }
};

void check_error(const Layer& layer, const std::vector<float>& result) {
  layer.for_each_sum([&](double sum, double magnitudes, int n, size_t i) {
    const double bias = static_cast<double>(layer.bias[i % layer.bias.size()]);
    const double rounding = 0x1p-7 + 0x1p-16, sums = (n + 1) * 0x1p-24 * 1.01;
    const double bound = rounding * magnitudes + sums * (1.01 * magnitudes + std::abs(bias)) + n * 0x1p-126;
    ASSERT_LE(std::abs(static_cast<double>(result[i]) - (sum + bias)), bound) << "result " << i;
  });
}

void check_layer(const Layer& layer) {
  const auto expected = layer.run(reference::conv2d.bf16);
  check_error(layer, expected);
  for (const Isa isa : supported_isas())
    for (const Conv2dKernels* way : kernels(isa).conv2d) {
      if (way->bf16.run == nullptr) continue;
      SCOPED_TRACE(way->name);
      const auto result = layer.run(way->bf16);
      check_error(layer, result);
      if (isa <= Isa::avx512bf16) {
        EXPECT_EQ(result, expected) << isa_name(isa);
      }
    }
}

Conv2dArgs args_of(int extent, int channels, int outputs, int kernel, int stride, bool same) {
  const PaddedExtent e = padded_extent(extent, kernel, stride, same ? Padding::same : Padding::valid);
  return {.in_h = extent,
          .in_w = extent,
          .in_c = channels,
          .out_h = e.output,
          .out_w = e.output,
          .out_c = outputs,
          .kernel_h = kernel,
          .kernel_w = kernel,
          .stride_h = stride,
          .stride_w = stride,
          .pad_top = e.before,
          .pad_bottom = e.after,
          .pad_left = e.before,
          .pad_right = e.after};
}

TEST(Reduced, KeepsTheErrorThatItStatesAndTheOrderOfItsSums) {
  uint64_t seed = 1;
  for (const double decades : {0.0, 2.0, 8.0})
    for (const int outputs : {1, 17, 36, 70})
      for (const int channels : {1, 3, 4, 24}) {
        check_layer({args_of(9, channels, outputs, 3, 1, true), decades, seed++});
        check_layer({args_of(12, channels, outputs, 5, 2, false), decades, seed++});
        check_layer({args_of(7, channels, outputs, 1, 2, true), decades, seed++});
      }
  check_layer({args_of(1, 14400, 3, 1, 1, false), 1, seed});  // as dense layers are
}

TEST(Reduced, RoundsToTheNearestEven) {
  EXPECT_EQ(float_to_bfloat16(1), 0x3F80);
  EXPECT_EQ(float_to_bfloat16(1 + 0x1p-8f), 0x3F80);
  EXPECT_EQ(float_to_bfloat16(1 + 0x1p-8f + 0x1p-23f), 0x3F81);
  EXPECT_EQ(float_to_bfloat16(1 + 0x3p-8f), 0x3F82);
  EXPECT_EQ(float_to_bfloat16(-3.4e38f), 0xFF80) << "the largest numbers become infinite";
  EXPECT_EQ(float_to_bfloat16(-0.0f), 0x8000);
  EXPECT_EQ(float_to_bfloat16(0x1.FFp-127f), 0) << "subnormal";
  EXPECT_EQ(float_to_bfloat16(std::nanf("")) & 0x7FC0, 0x7FC0);
  EXPECT_EQ(bfloat16_to_float(0xC040), -3);
}

}  // namespace
}  // namespace slimpilot
