// SPDX-License-Identifier: Apache-2.0
// Registers of 512 bits for the generic kernels. A wrapper says how many outputs a register holds (kLanes), how many
// consecutive inputs one instruction consumes (kGroup), and how to multiply-accumulate. Anonymous: see kernel_args.h.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace slimpilot {
namespace {

struct RealAvx512 {
  using In = float;
  using Sum = float;
  using Vector = __m512;
  static constexpr int kLanes = 16, kGroup = 1, kMaxConvVectors = 4, kMaxDenseVectors = 8;
  static constexpr int kTilePixels[] = {0, 16, 12, 8, 6};  // by vectors; so that sums, weights and one input fit 32 registers

  static Vector broadcast(const In* x) { return _mm512_set1_ps(*x); }
  static Vector multiply_add(Vector sum, Vector x, Vector w) { return _mm512_fmadd_ps(x, w, sum); }
  static Vector load_sum(const Sum* start) { return _mm512_loadu_ps(start); }
  static void store_sum(Sum* target, Vector sum) { _mm512_storeu_ps(target, sum); }
  static Vector maximum(Vector a, Vector b) { return _mm512_max_ps(a, b); }
  static __mmask16 mask(int lanes) { return static_cast<__mmask16>(lanes >= 16 ? 0xFFFF : (1 << lanes) - 1); }
  static void store(float* y, Vector sum, float low, float high, int lanes) {
    const Vector limited = _mm512_min_ps(_mm512_max_ps(sum, _mm512_set1_ps(low)), _mm512_set1_ps(high));
    _mm512_mask_storeu_ps(y, mask(lanes), limited);
  }
};

struct FloatAvx512 : RealAvx512 {
  using Weight = float;
  static Vector load_weights(const Weight* w) { return _mm512_loadu_ps(w); }
};

struct HalfAvx512 : RealAvx512 {
  using Weight = uint16_t;
  static Vector load_weights(const Weight* w) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(w)));
  }
};

}  // namespace
}  // namespace slimpilot
