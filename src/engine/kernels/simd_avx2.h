// SPDX-License-Identifier: Apache-2.0
// Registers of 256 bits for the generic kernels; see simd_avx512.h for what a wrapper says. Integer inputs are 16 bits wide
// with the zero point already taken off: `vpmaddwd` is exact for every weight, −128 included, where `vpmaddubsw` saturates.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "engine/kernels/kernel_args.h"
#include "engine/kernels/quantize/dynamic_quantization.h"

namespace slimpilot {
namespace {

struct RealAvx2 {
  using In = float;
  using Sum = float;
  using Vector = __m256;
  static constexpr int kLanes = 8, kGroup = 1, kMaxConvVectors = 3, kMaxDenseVectors = 8;
  static constexpr int kTilePixels[] = {0, 8, 6, 4};

  static Vector broadcast(const In* x) { return _mm256_set1_ps(*x); }  // with _mm256_broadcast_ss GCC keeps sums in memory
  static Vector same(float x) { return _mm256_set1_ps(x); }
  static Vector multiply_add(Vector sum, Vector x, Vector w) { return _mm256_fmadd_ps(x, w, sum); }
  static Vector load_sum(const Sum* start) { return _mm256_loadu_ps(start); }
  static void store_sum(Sum* target, Vector sum) { _mm256_storeu_ps(target, sum); }
  static Vector maximum(Vector a, Vector b) { return _mm256_max_ps(a, b); }
  static void keep(Vector& v) { __asm__ volatile("" : "+v"(v)); }
  static constexpr int kMarkLanes = 8;
  static uint8_t nonzero(const In* x) {
    return static_cast<uint8_t>(_mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(x), _mm256_setzero_ps(), _CMP_NEQ_UQ)));
  }
  static void store(float* y, Vector sum, float low, float high, int lanes) {
    const Vector limited = _mm256_min_ps(_mm256_max_ps(sum, _mm256_set1_ps(low)), _mm256_set1_ps(high));
    if (lanes >= 8) return _mm256_storeu_ps(y, limited);  // a masked store takes many times as long
    const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    _mm256_maskstore_ps(y, _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes), index), limited);
  }
};

/// Registers of eight times four bytes, numbers of any type.
struct BlockAvx2 : RealAvx2 {
  static Vector load(const void* x) { return _mm256_loadu_ps(static_cast<const float*>(x)); }
  using RealAvx2::store;
  static void store(void* y, Vector x) { _mm256_storeu_ps(static_cast<float*>(y), x); }
  static uint8_t nonzero(Vector x) {
    const __m256i zero = _mm256_cmpeq_epi32(_mm256_castps_si256(x), _mm256_setzero_si256());
    return static_cast<uint8_t>(~_mm256_movemask_ps(_mm256_castsi256_ps(zero)));
  }
  static __m256i integers(Vector x) { return _mm256_castps_si256(x); }
  static Vector either(Vector a, Vector b) { return _mm256_or_ps(a, b); }
  static void transpose(Vector (&v)[8]) {
    Vector pairs[8], fours[8];
    for (int i = 0; i < 8; i += 2) {
      pairs[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
      pairs[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
    }
    for (int i = 0; i < 8; i += 4)
      for (int k = 0; k < 2; ++k) {
        fours[i + 2 * k] = _mm256_shuffle_ps(pairs[i + k], pairs[i + k + 2], 0x44);
        fours[i + 2 * k + 1] = _mm256_shuffle_ps(pairs[i + k], pairs[i + k + 2], 0xEE);
      }
    for (int i = 0; i < 4; ++i) {
      v[i] = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x20);
      v[i + 4] = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x31);
    }
  }
};

struct FloatAvx2 : RealAvx2 {
  using Weight = float;
  static Vector load_weights(const Weight* w) { return _mm256_loadu_ps(w); }
};

struct HalfAvx2 : RealAvx2 {
  using Weight = uint16_t;
  static Vector load_weights(const Weight* w) { return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(w))); }
};

/// floor(a·b / 2³¹ + ½) in each lane.
inline __m256i doubling_high_multiply(__m256i a, __m256i b) {
  const __m256i half = _mm256_set1_epi64x(int64_t{1} << 30);
  const __m256i even = _mm256_srli_epi64(_mm256_add_epi64(_mm256_mul_epi32(a, b), half), 31);
  const __m256i odd_product = _mm256_mul_epi32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32));
  const __m256i odd = _mm256_slli_epi64(_mm256_add_epi64(odd_product, half), 1);  // bits 31…62 to the upper half
  return _mm256_blend_epi32(even, odd, 0b10101010);
}

struct IntegerAvx2 {
  using In = int16_t;
  using Sum = int32_t;
  using Weight = int8_t;
  using Vector = __m256i;
  static constexpr int kLanes = 8, kGroup = 2, kMaxConvVectors = 3, kMaxDenseVectors = 8;
  static constexpr int kTilePixels[] = {0, 8, 6, 4};
  static constexpr bool kSubtractZero = true;                   // inputs of 8 bits have their zero point taken off, or
  static constexpr int kSignedOffset = 0, kUnsignedOffset = 0;  // this is added: to −128…127, to 0…255

  static Vector broadcast(const In* x) {
    int32_t pair;
    __builtin_memcpy(&pair, x, sizeof pair);
    return _mm256_set1_epi32(pair);
  }
  static Vector load_weights(const Weight* w) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(w)));
  }
  static Vector multiply_add(Vector sum, Vector x, Vector w) { return _mm256_add_epi32(sum, _mm256_madd_epi16(x, w)); }
  static void keep(Vector& v) { __asm__ volatile("" : "+v"(v)); }
  static Vector load_sum(const Sum* start) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(start)); }
  static void store_sum(Sum* target, Vector sum) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(target), sum); }

  static Vector same(int32_t x) { return _mm256_set1_epi32(x); }
  static Vector load_s8(const int8_t* x) { return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(x))); }
  static Vector add(Vector a, Vector b) { return _mm256_add_epi32(a, b); }
  static Vector subtract(Vector a, Vector b) { return _mm256_sub_epi32(a, b); }
  static Vector multiply(Vector a, Vector b) { return _mm256_mullo_epi32(a, b); }

  struct Rescale {
    __m256i multiplier, left, right, mask, half;
    Rescale(const int32_t* multipliers, const int32_t* shifts) {
      const __m256i shift = load_sum(shifts), zero = _mm256_setzero_si256(), one = _mm256_set1_epi32(1);
      multiplier = load_sum(multipliers);
      left = _mm256_max_epi32(shift, zero);
      right = _mm256_max_epi32(_mm256_sub_epi32(zero, shift), zero);
      mask = _mm256_sub_epi32(_mm256_sllv_epi32(one, right), one);
      half = _mm256_srli_epi32(mask, 1);
    }
    __m256i operator()(__m256i x) const {
      const __m256i high = doubling_high_multiply(_mm256_sllv_epi32(x, left), multiplier);
      const __m256i threshold = _mm256_sub_epi32(half, _mm256_srai_epi32(high, 31));
      const __m256i up = _mm256_cmpgt_epi32(_mm256_and_si256(high, mask), threshold);
      return _mm256_sub_epi32(_mm256_srav_epi32(high, right), up);
    }
  };

  /// rescale_once: a 64-bit shift of the product for each lane. AVX2 has none that keeps the sign, so the sign bit is flipped
  /// before and what that adds is taken off after it.
  struct RescaleOnce {
    __m256i multiplier, even_shift, odd_shift;
    RescaleOnce(const int32_t* multipliers, const int32_t* shifts) {
      const __m256i total = _mm256_sub_epi32(_mm256_set1_epi32(31), load_sum(shifts));
      multiplier = load_sum(multipliers);
      even_shift = _mm256_srli_epi64(_mm256_slli_epi64(total, 32), 32);
      odd_shift = _mm256_srli_epi64(total, 32);
    }
    static __m256i rounded_shift(__m256i product, __m256i shift) {
      const __m256i one = _mm256_set1_epi64x(1), sign = _mm256_slli_epi64(one, 63);
      const __m256i half = _mm256_sllv_epi64(one, _mm256_sub_epi64(shift, one));
      const __m256i flipped = _mm256_xor_si256(_mm256_add_epi64(product, half), sign);
      return _mm256_sub_epi64(_mm256_srlv_epi64(flipped, shift), _mm256_srlv_epi64(sign, shift));
    }
    __m256i operator()(__m256i x) const {
      const __m256i even = rounded_shift(_mm256_mul_epi32(x, multiplier), even_shift);
      const __m256i odd_product = _mm256_mul_epi32(_mm256_srli_epi64(x, 32), _mm256_srli_epi64(multiplier, 32));
      return _mm256_blend_epi32(even, _mm256_slli_epi64(rounded_shift(odd_product, odd_shift), 32), 0b10101010);
    }
  };

  /// rescale plus the zero point where IntegerResult::short_rescale holds. Both roundings and the zero point are in what is
  /// added to the product of twice the sum, whose upper half is then only shifted; below zero halves go down, not up.
  struct ShortRescale {
    __m256i multiplier, odd_multiplier, left, right, negative, even_offset, odd_offset;
    ShortRescale(const int32_t* multipliers, const int32_t* shifts, int32_t zero_point) {
      const __m256i one = _mm256_set1_epi32(1), zero = _mm256_setzero_si256(), shift = load_sum(shifts);
      const __m256i half = _mm256_set1_epi64x(int64_t{1} << 31);
      multiplier = load_sum(multipliers);
      odd_multiplier = _mm256_srli_epi64(multiplier, 32);
      left = _mm256_add_epi32(_mm256_max_epi32(shift, zero), one);
      right = _mm256_max_epi32(_mm256_sub_epi32(zero, shift), zero);
      const __m256i offset = _mm256_add_epi32(_mm256_sllv_epi32(one, _mm256_sub_epi32(right, one)),  // half, 0 if right is 0
                                              _mm256_sllv_epi32(_mm256_set1_epi32(zero_point), right));
      even_offset = _mm256_add_epi64(_mm256_slli_epi64(offset, 32), half);
      odd_offset = _mm256_add_epi64(_mm256_slli_epi64(_mm256_srli_epi64(offset, 32), 32), half);
      negative = _mm256_blendv_epi8(_mm256_set1_epi32(INT32_MIN), offset, _mm256_cmpgt_epi32(right, zero));
    }
    __m256i operator()(__m256i x) const {
      const __m256i twice = _mm256_sllv_epi32(x, left);
      const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(twice, multiplier), even_offset);
      const __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(twice, 32), odd_multiplier), odd_offset);
      const __m256i high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0b10101010);
      return _mm256_srav_epi32(_mm256_add_epi32(high, _mm256_cmpgt_epi32(negative, high)), right);
    }
  };

  static void store_s8(int8_t* y, Vector x, int32_t low, int32_t high, int lanes) {
    x = _mm256_min_epi32(_mm256_max_epi32(x, _mm256_set1_epi32(low)), _mm256_set1_epi32(high));
    int32_t wide[8];
    store_sum(wide, x);
    for (int i = 0; i < (lanes < 8 ? lanes : 8); ++i) y[i] = static_cast<int8_t>(wide[i]);
  }
  /// Least and greatest of `count` > 0 numbers.
  static void range(const float* x, ptrdiff_t count, float& low, float& high) {
    __m256 lows = _mm256_set1_ps(x[0]), highs = lows;
    ptrdiff_t i = 0;
    for (; i + 8 <= count; i += 8) {
      const __m256 v = _mm256_loadu_ps(x + i);
      lows = _mm256_min_ps(lows, v);
      highs = _mm256_max_ps(highs, v);
    }
    float lane_low[8], lane_high[8];
    _mm256_storeu_ps(lane_low, lows);
    _mm256_storeu_ps(lane_high, highs);
    low = lane_low[0], high = lane_high[0];
    for (int l = 1; l < 8; ++l) low = lane_low[l] < low ? lane_low[l] : low, high = lane_high[l] > high ? lane_high[l] : high;
    for (; i < count; ++i) low = x[i] < low ? x[i] : low, high = x[i] > high ? x[i] : high;
  }

  /// dynamic_quantized less its zero point.
  static void quantize(const float* x, ptrdiff_t count, const DynamicScale& q, In* target) {
    const __m256 sign = _mm256_set1_ps(-0.0f), half = _mm256_set1_ps(0.5f), zero = _mm256_set1_ps(static_cast<float>(q.zero));
    for (ptrdiff_t i = 0; i < count; i += 8) {
      const int lanes = count - i < 8 ? static_cast<int>(count - i) : 8;
      const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
      const __m256 v = _mm256_maskload_ps(x + i, _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes), index));
      const __m256 scaled = _mm256_mul_ps(v, _mm256_set1_ps(q.inverse));
      const __m256 away = _mm256_add_ps(scaled, _mm256_or_ps(_mm256_and_ps(scaled, sign), half));
      const __m256 whole = _mm256_add_ps(_mm256_round_ps(away, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC), zero);
      const __m256 limited = _mm256_min_ps(_mm256_max_ps(whole, _mm256_setzero_ps()), _mm256_set1_ps(255));
      int32_t wide[8];
      store_sum(wide, _mm256_cvttps_epi32(_mm256_sub_ps(limited, zero)));
      for (int l = 0; l < lanes; ++l) target[i + l] = static_cast<In>(wide[l]);
    }
  }

  static void store_hybrid(float* y, Vector sum, HybridScales by, const RealResult& r, int first, int lanes) {
    const __m256 scale = _mm256_mul_ps(_mm256_set1_ps(by.first), _mm256_loadu_ps(r.weight_scale + first));
    const __m256 real = _mm256_mul_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(sum), scale), _mm256_set1_ps(by.last));
    RealAvx2::store(y, _mm256_add_ps(real, _mm256_loadu_ps(r.bias + first)), r.low, r.high, lanes);
  }
};

}  // namespace
}  // namespace slimpilot
