// SPDX-License-Identifier: Apache-2.0
// Integer registers of 512 bits with VNNI for the generic kernels. `vpdpbusd` multiplies unsigned by signed bytes, so inputs
// carry an offset of 128, which per-output starts take off again (weight sums). Anonymous: see kernel_args.h.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "engine/kernels/kernel_args.h"
#include "engine/kernels/quantize/dynamic_quantization.h"
#include "engine/kernels/simd_avx2.h"

namespace slimpilot {
namespace {

/// floor(a·b / 2³¹ + ½) in each lane.
inline __m512i doubling_high_multiply(__m512i a, __m512i b) {
  const __m512i half = _mm512_set1_epi64(int64_t{1} << 30);
  const __m512i even = _mm512_srli_epi64(_mm512_add_epi64(_mm512_mul_epi32(a, b), half), 31);
  const __m512i odd_product = _mm512_mul_epi32(_mm512_srli_epi64(a, 32), _mm512_srli_epi64(b, 32));
  const __m512i odd = _mm512_slli_epi64(_mm512_add_epi64(odd_product, half), 1);  // bits 31…62 to the upper half
  return _mm512_mask_blend_epi32(0xAAAA, even, odd);
}

struct IntegerAvx512Vnni {
  using In = uint8_t;
  using Sum = int32_t;
  using Weight = int8_t;
  using Vector = __m512i;
  static constexpr int kLanes = 16, kGroup = 4, kMaxConvVectors = 4, kMaxDenseVectors = 8;
  static constexpr int kTilePixels[] = {0, 16, 12, 8, 6};
  static constexpr bool kSubtractZero = false;
  static constexpr int kSignedOffset = 128, kUnsignedOffset = 0;

  static Vector broadcast(const In* x) {
    int32_t four;
    __builtin_memcpy(&four, x, sizeof four);
    return _mm512_set1_epi32(four);
  }
  static Vector load_weights(const Weight* w) { return _mm512_loadu_si512(w); }
  static Vector multiply_add(Vector sum, Vector x, Vector w) { return _mm512_dpbusd_epi32(sum, x, w); }
  static void keep(Vector& v) { __asm__ volatile("" : "+v"(v)); }
  static Vector load_sum(const Sum* start) { return _mm512_loadu_si512(start); }
  static void store_sum(Sum* target, Vector sum) { _mm512_storeu_si512(target, sum); }

  static Vector same(int32_t x) { return _mm512_set1_epi32(x); }
  static Vector load_s8(const int8_t* x) { return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x))); }
  static Vector add(Vector a, Vector b) { return _mm512_add_epi32(a, b); }
  static Vector subtract(Vector a, Vector b) { return _mm512_sub_epi32(a, b); }
  static Vector multiply(Vector a, Vector b) { return _mm512_mullo_epi32(a, b); }

  struct Rescale {
    __m512i multiplier, left, right, mask, half;
    Rescale(const int32_t* multipliers, const int32_t* shifts) {
      const __m512i shift = load_sum(shifts), zero = _mm512_setzero_si512(), one = _mm512_set1_epi32(1);
      multiplier = load_sum(multipliers);
      left = _mm512_max_epi32(shift, zero);
      right = _mm512_max_epi32(_mm512_sub_epi32(zero, shift), zero);
      mask = _mm512_sub_epi32(_mm512_sllv_epi32(one, right), one);
      half = _mm512_srli_epi32(mask, 1);
    }
    __m512i operator()(__m512i x) const {
      const __m512i high = doubling_high_multiply(_mm512_sllv_epi32(x, left), multiplier);
      const __m512i threshold = _mm512_sub_epi32(half, _mm512_srai_epi32(high, 31));
      const __mmask16 up = _mm512_cmpgt_epi32_mask(_mm512_and_si512(high, mask), threshold);
      const __m512i quotient = _mm512_srav_epi32(high, right);
      return _mm512_mask_add_epi32(quotient, up, quotient, _mm512_set1_epi32(1));
    }
  };

  /// rescale_once: a 64-bit shift of the product for each lane.
  struct RescaleOnce {
    __m512i multiplier, even_shift, odd_shift;
    RescaleOnce(const int32_t* multipliers, const int32_t* shifts) {
      const __m512i total = _mm512_sub_epi32(_mm512_set1_epi32(31), load_sum(shifts));
      multiplier = load_sum(multipliers);
      even_shift = _mm512_srli_epi64(_mm512_slli_epi64(total, 32), 32);
      odd_shift = _mm512_srli_epi64(total, 32);
    }
    static __m512i rounded_shift(__m512i product, __m512i shift) {
      const __m512i one = _mm512_set1_epi64(1);
      const __m512i half = _mm512_sllv_epi64(one, _mm512_sub_epi64(shift, one));
      return _mm512_srav_epi64(_mm512_add_epi64(product, half), shift);
    }
    __m512i operator()(__m512i x) const {
      const __m512i even = rounded_shift(_mm512_mul_epi32(x, multiplier), even_shift);
      const __m512i odd_product = _mm512_mul_epi32(_mm512_srli_epi64(x, 32), _mm512_srli_epi64(multiplier, 32));
      return _mm512_mask_blend_epi32(0xAAAA, even, _mm512_slli_epi64(rounded_shift(odd_product, odd_shift), 32));
    }
  };

  /// See IntegerAvx2.
  struct ShortRescale {
    __m512i multiplier, odd_multiplier, left, right, negative, even_offset, odd_offset;
    ShortRescale(const int32_t* multipliers, const int32_t* shifts, int32_t zero_point) {
      const __m512i one = _mm512_set1_epi32(1), zero = _mm512_setzero_si512(), shift = load_sum(shifts);
      const __m512i half = _mm512_set1_epi64(int64_t{1} << 31);
      multiplier = load_sum(multipliers);
      odd_multiplier = _mm512_srli_epi64(multiplier, 32);
      left = _mm512_add_epi32(_mm512_max_epi32(shift, zero), one);
      right = _mm512_max_epi32(_mm512_sub_epi32(zero, shift), zero);
      const __m512i offset = _mm512_add_epi32(_mm512_sllv_epi32(one, _mm512_sub_epi32(right, one)),
                                              _mm512_sllv_epi32(_mm512_set1_epi32(zero_point), right));
      even_offset = _mm512_add_epi64(_mm512_slli_epi64(offset, 32), half);
      odd_offset = _mm512_add_epi64(_mm512_slli_epi64(_mm512_srli_epi64(offset, 32), 32), half);
      negative = _mm512_mask_mov_epi32(_mm512_set1_epi32(INT32_MIN), _mm512_cmpgt_epi32_mask(right, zero), offset);
    }
    __m512i operator()(__m512i x) const {
      const __m512i twice = _mm512_sllv_epi32(x, left);
      const __m512i even = _mm512_add_epi64(_mm512_mul_epi32(twice, multiplier), even_offset);
      const __m512i odd = _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(twice, 32), odd_multiplier), odd_offset);
      const __m512i high = _mm512_mask_shuffle_epi32(odd, 0x5555, even, _MM_PERM_DDBB);
      const __m512i down = _mm512_mask_sub_epi32(high, _mm512_cmpgt_epi32_mask(negative, high), high, _mm512_set1_epi32(1));
      return _mm512_srav_epi32(down, right);
    }
  };

  static __mmask16 mask(int lanes) { return static_cast<__mmask16>(lanes >= 16 ? 0xFFFF : (1 << lanes) - 1); }
  static void store_s8(int8_t* y, Vector x, int32_t low, int32_t high, int lanes) {
    x = _mm512_min_epi32(_mm512_max_epi32(x, _mm512_set1_epi32(low)), _mm512_set1_epi32(high));
    const __m128i bytes = _mm512_cvtepi32_epi8(x);
    if (lanes >= 16) return _mm_storeu_si128(reinterpret_cast<__m128i*>(y), bytes);  // a masked store takes longer
    _mm_mask_storeu_epi8(y, mask(lanes), bytes);
  }
  /// Least and greatest of `count` > 0 numbers.
  static void range(const float* x, ptrdiff_t count, float& low, float& high) {
    __m512 lows = _mm512_set1_ps(x[0]), highs = lows;
    for (ptrdiff_t i = 0; i < count; i += 16) {
      const __mmask16 lanes = mask(count - i < 16 ? static_cast<int>(count - i) : 16);
      lows = _mm512_min_ps(lows, _mm512_mask_loadu_ps(lows, lanes, x + i));
      highs = _mm512_max_ps(highs, _mm512_mask_loadu_ps(highs, lanes, x + i));
    }
    low = _mm512_reduce_min_ps(lows);
    high = _mm512_reduce_max_ps(highs);
  }

  /// dynamic_quantized.
  static void quantize(const float* x, ptrdiff_t count, const DynamicScale& q, In* target) {
    const __m512i sign = _mm512_set1_epi32(INT32_MIN), half = _mm512_castps_si512(_mm512_set1_ps(0.5f));
    const __m512 zero = _mm512_set1_ps(static_cast<float>(q.zero));
    for (ptrdiff_t i = 0; i < count; i += 16) {
      const __mmask16 lanes = mask(count - i < 16 ? static_cast<int>(count - i) : 16);
      const __m512 scaled = _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, x + i), _mm512_set1_ps(q.inverse));
      const __m512i signed_half = _mm512_or_epi32(_mm512_and_epi32(_mm512_castps_si512(scaled), sign), half);
      const __m512 away = _mm512_add_ps(scaled, _mm512_castsi512_ps(signed_half));
      const __m512 whole = _mm512_add_ps(_mm512_roundscale_ps(away, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC), zero);
      const __m512 limited = _mm512_min_ps(_mm512_max_ps(whole, _mm512_setzero_ps()), _mm512_set1_ps(255));
      _mm512_mask_cvtepi32_storeu_epi8(target + i, lanes, _mm512_cvttps_epi32(limited));
    }
  }

  static void store_hybrid(float* y, Vector sum, HybridScales by, const RealResult& r, int first, int lanes) {
    const __m512 scale = _mm512_mul_ps(_mm512_set1_ps(by.first), _mm512_loadu_ps(r.weight_scale + first));
    const __m512 scaled = _mm512_mul_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), scale), _mm512_set1_ps(by.last));
    const __m512 real = _mm512_add_ps(scaled, _mm512_loadu_ps(r.bias + first));
    _mm512_mask_storeu_ps(y, mask(lanes), _mm512_min_ps(_mm512_max_ps(real, _mm512_set1_ps(r.low)), _mm512_set1_ps(r.high)));
  }
};

/// Registers of 256 bits, for layers with few outputs.
struct IntegerVnni256 : IntegerAvx2 {
  using In = uint8_t;
  static constexpr int kGroup = 4, kMaxConvVectors = 5;
  static constexpr int kTilePixels[] = {0, 16, 12, 8, 6, 4};
  static constexpr bool kSubtractZero = false;
  static constexpr int kSignedOffset = 128, kUnsignedOffset = 0;

  static Vector broadcast(const In* x) {
    int32_t four;
    __builtin_memcpy(&four, x, sizeof four);
    return _mm256_set1_epi32(four);
  }
  static Vector load_weights(const Weight* w) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w)); }
  static Vector multiply_add(Vector sum, Vector x, Vector w) { return _mm256_dpbusd_epi32(sum, x, w); }
  static void store_s8(int8_t* y, Vector x, int32_t low, int32_t high, int lanes) {
    x = _mm256_min_epi32(_mm256_max_epi32(x, _mm256_set1_epi32(low)), _mm256_set1_epi32(high));
    const __m128i bytes = _mm256_cvtepi32_epi8(x);
    if (lanes >= 8) return _mm_storel_epi64(reinterpret_cast<__m128i*>(y), bytes);
    _mm_mask_storeu_epi8(y, static_cast<__mmask16>((1 << lanes) - 1), bytes);
  }
  static void quantize(const float* x, ptrdiff_t count, const DynamicScale& q, In* target) {
    IntegerAvx512Vnni::quantize(x, count, q, target);
  }
};

// What RescaleToBytes needs of either width; + − >> of GCC and clang work on 64-bit lanes.
inline void load(__m256i& v, const int32_t* x) { v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x)); }
inline void load(__m512i& v, const int32_t* x) { v = _mm512_loadu_si512(x); }
inline __m256i low_product(__m256i a, __m256i b) { return _mm256_mul_epi32(a, b); }
inline __m512i low_product(__m512i a, __m512i b) { return _mm512_mul_epi32(a, b); }
inline __m256i odd_lanes(__m256i x) { return _mm256_srli_epi64(x, 32); }
inline __m512i odd_lanes(__m512i x) { return _mm512_shuffle_epi32(x, _MM_PERM_DDBB); }
inline __m256i even_and_odd(__m256i even, __m256i odd) { return _mm256_blend_epi32(even, odd, 0b10101010); }
inline __m512i even_and_odd(__m512i even, __m512i odd) { return _mm512_mask_blend_epi32(0xAAAA, even, odd); }
inline __m256i less_where_negative(__m256i sum, __m256i product) {
  return _mm256_mask_sub_epi64(sum, _mm256_movepi64_mask(product), sum, _mm256_set1_epi64x(int64_t{1} << 31));
}
inline __m512i less_where_negative(__m512i sum, __m512i product) {
  return _mm512_mask_sub_epi64(sum, _mm512_movepi64_mask(product), sum, _mm512_set1_epi64(int64_t{1} << 31));
}

/// rescale or rescale_once, + zero point, for shifts −s of −23 … −1. With h = floor((x·m + 2³⁰) / 2³¹) rescale is
/// floor((h + 2^(s−1)) / 2^s), less one half step where h < 0, that is (what x = −1 may be makes no difference) where x < 0.
/// Floors of floors are one: all of it is (x·m + constant) >> (31 + s), in 64 bits without overflow. rescale_once is the same
/// without the 2³⁰ and the half step.
template <class V>
struct RescaleToBytesOf {
  using R = typename V::Vector;
  R multiplier, odd_multiplier, even_constant, odd_constant, even_shift, odd_shift;

  RescaleToBytesOf() = default;
  RescaleToBytesOf(const int32_t* multipliers, const int32_t* shifts, const int32_t* zero_points, bool once = false) {
    R zero_point, shift;
    load(multiplier, multipliers), load(zero_point, zero_points), load(shift, shifts);
    odd_multiplier = odd_lanes(multiplier);
    even_shift = 31 - (shift << 32 >> 32);
    const R odd_total = 31 - (shift >> 32), more = R{} + (once ? 0 : int64_t{1} << 30);
    even_constant = constant(zero_point << 32 >> 32, even_shift) + more;
    odd_constant = constant(zero_point >> 32, odd_total) + more;
    odd_shift = odd_total - 32;  // the result in the upper half of its 64 bits
  }
  static R constant(R zero_point, R shift) { return (zero_point << shift) + ((R{} + 1) << (shift - 1)); }
  static bool is_exact(const int32_t* shifts, int lanes) {
    for (int i = 0; i < lanes; ++i)
      if (shifts[i] < -23 || shifts[i] > -1) return false;
    return true;
  }
  template <bool kNegative>
  static R shifted(R product, R constant, R shift) {
    const R sum = product + constant;
    return (kNegative ? less_where_negative(sum, product) : sum) >> shift;
  }
  template <bool kNegative>
  R rescaled(R x) const {
    return even_and_odd(shifted<kNegative>(low_product(x, multiplier), even_constant, even_shift),
                        shifted<kNegative>(low_product(odd_lanes(x), odd_multiplier), odd_constant, odd_shift));
  }
  /// Of the sums of four pixels; what does not fit a byte becomes its nearest end. Where results are limited to the zero point
  /// and above, as by ReLU, the half step that is less for negative ones does not show: kNegative false.
  template <bool kNegative = true>
  typename V::Bytes bytes(R a, R b, R c, R d) const {
    return V::packed(rescaled<kNegative>(a), rescaled<kNegative>(b), rescaled<kNegative>(c), rescaled<kNegative>(d));
  }
};

/// Results as bytes, four pixels of 16 outputs in a register.
struct NarrowAvx512Vnni : IntegerAvx512Vnni {
  using Bytes = __m512i;
  using RescaleToBytes = RescaleToBytesOf<NarrowAvx512Vnni>;
  static constexpr int kPixels = 4;

  static Bytes packed(__m512i a, __m512i b, __m512i c, __m512i d) {
    const __m512i quarters = _mm512_packs_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
    return _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), quarters);
  }
  /// The same sixteen numbers for each pixel.
  static Bytes bytes_of(const int32_t* numbers) {
    const __m512i x = load_sum(numbers);
    return packed(x, x, x, x);
  }
  static Bytes limited(Bytes x, Bytes low, Bytes high) { return _mm512_min_epi8(_mm512_max_epi8(x, low), high); }

  /// `lanes` bytes of each pixel, `pitch` bytes apart.
  static void store_pixels(int8_t* y, Bytes x, ptrdiff_t pitch, int lanes) {
    if (pitch == kLanes) return _mm512_storeu_si512(y, x);
    _mm_mask_storeu_epi8(y, mask(lanes), _mm512_castsi512_si128(x));
    _mm_mask_storeu_epi8(y + pitch, mask(lanes), _mm512_extracti32x4_epi32(x, 1));
    _mm_mask_storeu_epi8(y + 2 * pitch, mask(lanes), _mm512_extracti32x4_epi32(x, 2));
    _mm_mask_storeu_epi8(y + 3 * pitch, mask(lanes), _mm512_extracti32x4_epi32(x, 3));
  }
};

/// Results as bytes, four pixels of 8 outputs in a register.
struct NarrowVnni256 : IntegerVnni256 {
  using Bytes = __m256i;
  using RescaleToBytes = RescaleToBytesOf<NarrowVnni256>;
  static constexpr int kPixels = 4;

  /// `count` inputs of int8, and of one value; writes up to 63 more.
  static void copy(const int8_t* x, ptrdiff_t count, In* target) {
    const __m512i offset = _mm512_set1_epi8(-128);
    for (ptrdiff_t i = 0; i < count; i += 64)
      _mm512_storeu_si512(target + i, _mm512_xor_si512(_mm512_loadu_si512(x + i), offset));
  }
  /// A bit for each group, set if it is not all zero; whole registers are read, and all their bits written.
  static void mark_groups(const In* x, ptrdiff_t groups, uint8_t* bits) {
    for (ptrdiff_t i = 0; i < groups; i += 16) {
      const __mmask16 mask = _mm512_test_epi32_mask(_mm512_loadu_si512(x + 4 * i), _mm512_set1_epi32(-1));
      __builtin_memcpy(bits + i / 8, &mask, sizeof mask);
    }
  }
  static void fill(In* target, In value, ptrdiff_t count) {
    const __m512i values = _mm512_set1_epi8(static_cast<char>(value));
    for (ptrdiff_t i = 0; i < count; i += 64) _mm512_storeu_si512(target + i, values);
  }

  static Bytes packed(__m256i a, __m256i b, __m256i c, __m256i d) {
    const __m256i halves = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
    return _mm256_permutevar8x32_epi32(halves, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  }
  /// One number for all lanes.
  struct Numbers {
    int32_t lanes[kLanes];
    explicit Numbers(int32_t x) { store_sum(lanes, same(x)); }
  };
  /// The same eight numbers for each pixel.
  static Bytes bytes_of(const int32_t* numbers) {
    const __m256i x = load_sum(numbers);
    return packed(x, x, x, x);
  }
  static Bytes limited(Bytes x, Bytes low, Bytes high) { return _mm256_min_epi8(_mm256_max_epi8(x, low), high); }

  /// `lanes` bytes of each pixel, `pitch` bytes apart.
  static void store_pixels(int8_t* y, Bytes x, ptrdiff_t pitch, int lanes) {
    if (pitch == kLanes) return _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), x);
    int64_t pixels[kPixels];
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(pixels), x);
    for (int p = 0; p < kPixels; ++p) {
      if (lanes == kLanes)
        __builtin_memcpy(y + p * pitch, &pixels[p], kLanes);
      else
        for (int i = 0; i < lanes; ++i) y[p * pitch + i] = static_cast<int8_t>(pixels[p] >> (8 * i));
    }
  }
};

}  // namespace
}  // namespace slimpilot
