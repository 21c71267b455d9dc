// SPDX-License-Identifier: Apache-2.0
// Registers of 512 bits for the generic kernels. A wrapper says how many outputs a register holds (kLanes), how many
// consecutive inputs one instruction consumes (kGroup), and how to multiply-accumulate; `keep` makes the compiler take a value
// for changed. Anonymous: see kernel_args.h.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "engine/kernels/simd_avx2.h"

namespace slimpilot {
namespace {

struct RealAvx512 {
  using In = float;
  using Sum = float;
  using Vector = __m512;
  static constexpr int kLanes = 16, kGroup = 1, kMaxConvVectors = 4, kMaxDenseVectors = 8;
  static constexpr int kTilePixels[] = {0, 16, 12, 8, 6};  // by vectors; so that sums, weights and one input fit 32 registers

  static Vector broadcast(const In* x) { return _mm512_set1_ps(*x); }
  static Vector same(float x) { return _mm512_set1_ps(x); }
  static Vector multiply_add(Vector sum, Vector x, Vector w) { return _mm512_fmadd_ps(x, w, sum); }
  static Vector load_sum(const Sum* start) { return _mm512_loadu_ps(start); }
  static void store_sum(Sum* target, Vector sum) { _mm512_storeu_ps(target, sum); }
  static Vector maximum(Vector a, Vector b) { return _mm512_max_ps(a, b); }
  static void keep(Vector& v) { __asm__ volatile("" : "+v"(v)); }
  static constexpr int kMarkLanes = 16;
  static __mmask16 nonzero(const In* x) { return _mm512_cmp_ps_mask(_mm512_loadu_ps(x), _mm512_setzero_ps(), _CMP_NEQ_UQ); }
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

/// Registers of 256 bits, of which there are 32 here, for layers whose outputs would leave parts of wider ones empty.
template <class Avx2>
struct With32Registers : Avx2 {
  static constexpr int kMaxConvVectors = 5;
  static constexpr int kTilePixels[6] = {0, 16, 12, 8, 6, 4};  // in a template clang 14 wants to be told how many

  static void store(float* y, __m256 sum, float low, float high, int lanes) {
    const __m256 limited = _mm256_min_ps(_mm256_max_ps(sum, _mm256_set1_ps(low)), _mm256_set1_ps(high));
    _mm256_mask_storeu_ps(y, static_cast<__mmask8>(lanes >= 8 ? 0xFF : (1 << lanes) - 1), limited);
  }
};
using FloatAvx512_256 = With32Registers<FloatAvx2>;
using HalfAvx512_256 = With32Registers<HalfAvx2>;

}  // namespace
}  // namespace slimpilot
