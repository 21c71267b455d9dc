// SPDX-License-Identifier: Apache-2.0
// The integer arithmetic of TensorFlow Lite's 8-bit quantization specification, as docs/int8.md writes it down. This is
// the reference; vector versions live beside the kernels and equal it bit for bit. Functions are static: see kernel_args.h.
#pragma once

#include <cstdint>

#include "engine/kernels/kernel_args.h"

namespace slimpilot {

/// round(a·b / 2³¹), halves upwards; saturates for a = b = −2³¹.
[[maybe_unused]] static inline int32_t doubling_high_multiply(int32_t a, int32_t b) {
  if (a == INT32_MIN && b == INT32_MIN) return INT32_MAX;
  return static_cast<int32_t>((static_cast<int64_t>(a) * b + (int64_t{1} << 30)) >> 31);
}

/// round(x / 2^exponent), halves away from zero; exponent in 0…31.
[[maybe_unused]] static inline int32_t rounding_divide_by_power_of_two(int32_t x, int exponent) {
  const int32_t mask = static_cast<int32_t>((int64_t{1} << exponent) - 1);
  const int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return (x >> exponent) + ((x & mask) > threshold ? 1 : 0);
}

/// x · multiplier · 2^(shift − 31), rounded twice, as the reference kernels of TensorFlow Lite do.
[[maybe_unused]] static inline int32_t rescale(int32_t x, int32_t multiplier, int shift) {
  const int left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
  const int32_t shifted = static_cast<int32_t>(static_cast<uint32_t>(x) << left);
  return rounding_divide_by_power_of_two(doubling_high_multiply(shifted, multiplier), right);
}

/// The same for 64-bit sums (|x| < 2⁴⁷) of int16 activations: the multiplier is reduced to 16 bits, one rounding.
[[maybe_unused]] static inline int32_t rescale64(int64_t x, int32_t multiplier, int shift) {
  const int64_t reduced = multiplier < 0x7FFF0000 ? (multiplier + (1 << 15)) >> 16 : 0x7FFF;
  const int total = 15 - shift;
  return static_cast<int32_t>((x * reduced + (int64_t{1} << (total - 1))) >> total);
}

/// Dense layers keep the whole multiplier and round once, halves upwards, also for int8 (LiteRT 2.3's reference resolver; their
/// convolutions round twice).
[[maybe_unused]] static inline int32_t rescale_once(int64_t x, int32_t multiplier, int shift) {
  __extension__ using Wide = __int128;
  const int total = 31 - shift;
  return static_cast<int32_t>((static_cast<Wide>(x) * multiplier + (Wide{1} << (total - 1))) >> total);
}

[[maybe_unused]] static inline int32_t limit(int32_t x, int32_t low, int32_t high) {
  return x < low ? low : x > high ? high : x;
}

/// The int16 result of output `o`.
[[maybe_unused]] static inline int16_t int16_result(int64_t sum, const IntegerResult& r, int o) {
  const int32_t scaled =
      r.rounds_once ? rescale_once(sum, r.multiplier[o], r.shift[o]) : rescale64(sum, r.multiplier[o], r.shift[o]);
  return static_cast<int16_t>(limit(scaled, r.low, r.high));
}

}  // namespace slimpilot
