// SPDX-License-Identifier: Apache-2.0
// What the dot products of bfloat16 add to the registers of 512 bits: `vdpbf16ps` adds two products to each lane of 32 bits,
// that of the upper halves first, each sum rounded to float32. Anonymous: see kernel_args.h.
#pragma once

#include "engine/kernels/simd_avx512.h"

namespace slimpilot {
namespace {

/// Inputs and weights are pairs of bfloat16 in registers of floats.
struct Bfloat16Avx512 : RealAvx512 {
  using In = uint16_t;
  using Weight = uint16_t;
  static constexpr int kGroup = 2;

  static Vector broadcast(const In* x) {
    int32_t pair;
    __builtin_memcpy(&pair, x, sizeof pair);
    return _mm512_castsi512_ps(_mm512_set1_epi32(pair));
  }
  static Vector load_weights(const Weight* w) { return _mm512_loadu_ps(w); }
  static Vector multiply_add(Vector sum, Vector x, Vector w) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(x), reinterpret_cast<__m512bh>(w));
  }

  /// float_to_bfloat16.
  static void round(const float* x, ptrdiff_t count, In* target) {
    for (ptrdiff_t i = 0; i < count; i += 16) {
      const __mmask16 lanes = mask(count - i < 16 ? static_cast<int>(count - i) : 16);
      const auto rounded = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(lanes, x + i)));
      _mm256_mask_storeu_epi16(target + i, lanes, rounded);
    }
  }
};

/// Registers of 256 bits, for layers whose outputs would leave parts of wider ones empty.
struct Bfloat16Avx512_256 : FloatAvx512_256 {
  using In = uint16_t;
  using Weight = uint16_t;
  static constexpr int kGroup = 2, kMaxConvVectors = 3;  // with 5 one layer of five is faster, and all code half as large again

  static Vector broadcast(const In* x) {
    int32_t pair;
    __builtin_memcpy(&pair, x, sizeof pair);
    return _mm256_castsi256_ps(_mm256_set1_epi32(pair));
  }
  static Vector load_weights(const Weight* w) { return _mm256_loadu_ps(reinterpret_cast<const float*>(w)); }
  static Vector multiply_add(Vector sum, Vector x, Vector w) {
    return _mm256_dpbf16_ps(sum, reinterpret_cast<__m256bh>(x), reinterpret_cast<__m256bh>(w));
  }
  static void round(const float* x, ptrdiff_t count, In* target) { Bfloat16Avx512::round(x, count, target); }
};

}  // namespace
}  // namespace slimpilot
