// SPDX-License-Identifier: Apache-2.0
// What the tests of conv2d and dense share: random and extreme data for all variants, and running a kernel of any
// instruction set on them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/random.h"
#include "engine/kernels/kernels.h"
#include "engine/kernels/packing.h"
#include "engine/memory.h"
#include "engine/quantized_scale.h"
#include "graph/edit.h"

namespace slimpilot {

enum class Variant { f32, f16, bf16, s8, s16, hybrid, s8_real };
inline constexpr Variant kVariants[] = {Variant::f32, Variant::f16,    Variant::bf16,   Variant::s8,
                                        Variant::s16, Variant::hybrid, Variant::s8_real};

/// `extreme`: integers only at the ends of their types, weights of −128, end zero points. `large_factors`: results are rescaled
/// by more than 1, for which there is no short way (int8 only).
struct PackedCase {
  Variant variant;
  int inputs, outputs;  // elements in and out
  WeightShape weights;
  bool extreme;
  int misalignment = 0;                         // bytes by which input and output miss a cache line
  WeightStorage suited = WeightStorage::plain;  // the weights are such as a technique leaves for it
  bool large_factors = false;
  bool rounds_once = false;  // as dense layers do
};

inline size_t output_size(Variant v) { return v == Variant::s8 ? 1 : v == Variant::s16 ? 2 : 4; }
inline size_t weight_size(Variant v) { return v == Variant::f32 ? 4 : v == Variant::f16 || v == Variant::bf16 ? 2 : 1; }

/// All memory that one call needs.
class PackedData {
 public:
  PackedData(const PackedCase& c, uint64_t seed) : case_(c), random_(seed) {
    fill_input();
    fill_weights();
    const size_t padded = static_cast<size_t>(c.weights.outputs) + kChannelPadding;
    bias.resize(padded), weight_scale.resize(padded), bias32.resize(padded), bias64.resize(padded), multiplier.resize(padded),
        shift.resize(padded), weight_sum.resize(padded), zero_point.assign(padded, 3), lows.assign(padded, -128),
        highs.assign(padded, 120);
    const double k = static_cast<double>(c.weights.rows) * c.weights.k;
    for (size_t o = 0; o < static_cast<size_t>(c.weights.outputs); ++o) {
      bias[o] = static_cast<float>(random_.uniform(-1, 1));
      weight_scale[o] = static_cast<float>(random_.uniform(0.001, 0.01));
      bias32[o] = static_cast<int32_t>(random_.uniform(-1e5, 1e5));
      bias64[o] = static_cast<int64_t>(random_.uniform(-1e8, 1e8));
      const double typical = c.variant == Variant::s16 ? 32768.0 * 128 * std::sqrt(k) / 4e4 : 128.0 * 128 * std::sqrt(k) / 150;
      const FixedPoint fixed = fixed_point(c.large_factors && c.variant == Variant::s8 ? random_.uniform(0.25, 1e6)
                                                                                       : random_.uniform(0.5, 2) / typical);
      multiplier[o] = fixed.multiplier, shift[o] = fixed.shift;
    }
  }

  RealResult real() const { return {bias.data(), weight_scale.data(), -3, 1e30f, /*input_scale_last=*/case_.extreme}; }
  IntegerResult integer() const {
    const bool s16 = case_.variant == Variant::s16;
    const int32_t zero_point_of_input = s16 ? 0 : case_.extreme ? 127 : -7;
    return {bias32.data(),
            bias64.data(),
            multiplier.data(),
            shift.data(),
            weight_sum.data(),
            zero_point_of_input,
            s16 ? 0 : 3,
            s16 ? -32768 : -128,
            s16 ? 32767 : 120,
            case_.rounds_once,
            rescales_shortly(zero_point_of_input),
            zero_point.data(),
            lows.data(),
            highs.data()};
  }

  bool rescales_shortly(int32_t zero_point_of_input) const {
    if (case_.variant != Variant::s8) return false;
    const auto outputs = static_cast<size_t>(case_.weights.outputs);
    const std::span w(reinterpret_cast<const int8_t*>(weights.data()), weights.size());
    return fits_short_rescale(w, std::span(bias32).first(outputs), std::span(shift).first(outputs), zero_point_of_input);
  }

  template <class Args>
  bool suits(const PackedKernel<Args>& kernel) const {
    return slimpilot::suits(kernel.layout.storage, weights, case_.weights, weight_size(case_.variant));
  }

  /// Runs the kernel on this data and returns the output's bytes.
  template <class Args>
  std::vector<std::byte> run(const PackedKernel<Args>& kernel, Args args, size_t scratch_bytes) const {
    const size_t skip = static_cast<size_t>(case_.misalignment);
    AlignedBytes in = aligned_bytes(input.size() + 192), out = aligned_bytes(static_cast<size_t>(case_.outputs) * 4 + 192);
    AlignedBytes scratch = aligned_bytes(scratch_bytes + 64);
    std::memset(scratch.data(), 0xFF, scratch_bytes);  // NaN, as other steps may leave it
    auto* x = reinterpret_cast<std::byte*>(in.data()) + skip;
    auto* y = reinterpret_cast<std::byte*>(out.data()) + skip;
    std::memcpy(x, input.data(), input.size());
    const auto w = pack_weights(weights, case_.weights, weight_size(case_.variant), kernel.layout);
    args.weights = w.data(), args.real = real(), args.integer = integer();
    kernel.run(args, {{x, nullptr}, y, scratch.data()});
    const auto* behind = reinterpret_cast<const std::byte*>(scratch.data()) + scratch_bytes;
    EXPECT_TRUE(std::all_of(behind, behind + 64, [](std::byte b) { return b == std::byte{}; })) << "wrote past the scratch";
    const size_t bytes = static_cast<size_t>(case_.outputs) * output_size(case_.variant);
    EXPECT_EQ(y[bytes], std::byte{0}) << "wrote past the output";
    return {y, y + bytes};
  }

  std::vector<std::byte> input, weights;
  std::vector<float> bias, weight_scale;
  std::vector<int32_t> bias32, multiplier, shift, weight_sum, zero_point, lows, highs;
  std::vector<int64_t> bias64;

 private:
  template <class T>
  static void put(std::vector<std::byte>& bytes, T value) {
    const auto* p = reinterpret_cast<const std::byte*>(&value);
    bytes.insert(bytes.end(), p, p + sizeof value);
  }
  int integer_between(int low, int high) {
    if (case_.extreme) return random_.uniform() < 0.9 ? low : high;
    return low + static_cast<int>(random_.below(static_cast<uint64_t>(high - low + 1)));
  }
  /// Without 0, with both ends.
  int one_of_sixteen(int output) {
    const int code = static_cast<int>(random_.below(16));
    return code == 0 ? -128 : code == 1 ? 127 : 16 * code - 129 + output % 7;
  }
  void fill_input() {
    for (int i = 0; i < case_.inputs; ++i) {
      const bool zero = random_.uniform() < 0.4;  // as after ReLU
      if (case_.variant == Variant::s8 || case_.variant == Variant::s8_real)
        put(input, static_cast<int8_t>(zero && !case_.extreme ? -128 : integer_between(-128, 127)));
      else if (case_.variant == Variant::s16)
        put(input, static_cast<int16_t>(zero && !case_.extreme ? 0 : integer_between(-32768, 32767)));
      else
        put(input, zero ? 0.0f : static_cast<float>(random_.uniform(-1, 2)));
    }
  }
  void fill_weights() {
    weight_sum.assign(static_cast<size_t>(case_.weights.outputs) + kChannelPadding, 0);
    const int per_output = case_.weights.rows * case_.weights.k;
    const bool in_fours = case_.suited == WeightStorage::marked || case_.suited == WeightStorage::slots_of_four;
    const int together = in_fours ? 4 / static_cast<int>(weight_size(case_.variant)) : 1;
    bool zero = false;
    for (int i = 0; i < case_.weights.outputs * per_output; ++i) {
      if (i % case_.weights.k % together == 0) zero = wants_zeros(case_.suited) && random_.uniform() < 0.8;
      const float real = zero ? 0 : static_cast<float>(random_.uniform(-1, 1));
      if (case_.variant == Variant::f32)
        put(weights, real);
      else if (case_.variant == Variant::f16)
        put(weights, float_to_half(real));
      else if (case_.variant == Variant::bf16)
        put(weights, float_to_bfloat16(real));
      else {
        const int w = zero                                      ? 0
                      : case_.suited == WeightStorage::codebook ? one_of_sixteen(i / per_output)
                                                                : integer_between(-128, 127);
        put(weights, static_cast<int8_t>(w));
        weight_sum[static_cast<size_t>(i / per_output)] += w;
      }
    }
  }

  PackedCase case_;
  Random random_;
};

/// Integer results are equal; real ones differ by at most `tolerance` (an error bound for sums of k products near 1).
inline void expect_same(Variant variant, const std::vector<std::byte>& expected, const std::vector<std::byte>& actual, int k) {
  if (variant == Variant::s8 || variant == Variant::s16) {
    EXPECT_EQ(expected, actual);
    return;
  }
  const float tolerance =
      variant == Variant::hybrid || variant == Variant::s8_real ? 0 : 2e-7f * (4 + std::sqrt(static_cast<float>(k))) * 2;
  const auto* e = reinterpret_cast<const float*>(expected.data());
  const auto* a = reinterpret_cast<const float*>(actual.data());
  for (size_t i = 0; i < expected.size() / 4; ++i) ASSERT_NEAR(e[i], a[i], tolerance * (1 + std::abs(e[i]))) << "element " << i;
}

template <class Kernels>
auto& variant_of(Kernels& kernels, Variant variant) {
  switch (variant) {
    case Variant::f32: return kernels.f32;
    case Variant::f16: return kernels.f16;
    case Variant::bf16: return kernels.bf16;
    case Variant::s8: return kernels.s8;
    case Variant::s16: return kernels.s16;
    case Variant::hybrid: return kernels.hybrid;
    case Variant::s8_real: return kernels.s8_real;
  }
  __builtin_unreachable();
}

/// Whether kernels of the instruction set compute it at all.
inline bool is_known(Isa isa, Variant variant) { return variant != Variant::bf16 || has_reduced_arithmetic(isa); }

/// Every way to compute `variant` with such weights gives what is expected, and real ones the same numbers as each other.
/// Returns how many there are.
template <class Args>
int expect_all_same(const std::vector<const PackedKernels<Args>*>& ways, const PackedData& data, Variant variant,
                    const Args& args, size_t scratch_bytes, const std::vector<std::byte>& expected, int k) {
  std::vector<std::byte> first;
  int count = 0;
  for (const PackedKernels<Args>* way : ways) {
    const PackedKernel<Args>& kernel = variant_of(*way, variant);
    if (kernel.run == nullptr || !data.suits(kernel)) continue;
    SCOPED_TRACE(way->name);
    const auto actual = data.run(kernel, args, scratch_bytes);
    expect_same(variant, expected, actual, k);
    if (count++ == 0) first = actual;
    EXPECT_EQ(actual, first);
  }
  EXPECT_GT(count, 0);
  return count;
}

}  // namespace slimpilot
