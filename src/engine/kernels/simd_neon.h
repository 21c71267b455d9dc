// SPDX-License-Identifier: Apache-2.0
// Registers of 128 bits of every 64-bit ARM CPU for the generic kernels; see simd_avx512.h for what a wrapper says. Integer
// inputs are signed bytes: products of two are exact in 16 bits (`smull`), pairs of them are added in 32 (`sadalp`).
// Anonymous: see kernel_args.h.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "engine/kernels/kernel_args.h"
#include "engine/kernels/quantize/dynamic_quantization.h"

namespace slimpilot {
namespace {

struct RealNeon {
  using In = float;
  using Sum = float;
  using Vector = float32x4_t;
  static constexpr int kLanes = 4, kGroup = 1, kMaxConvVectors = 4, kMaxDenseVectors = 8;
  static constexpr int kTilePixels[] = {0, 16, 12, 8, 6};  // by vectors; so that sums, weights and one input fit 32 registers

  static Vector broadcast(const In* x) { return vld1q_dup_f32(x); }
  static Vector multiply_add(Vector sum, Vector x, Vector w) { return vfmaq_f32(sum, x, w); }
  static Vector load_sum(const Sum* start) { return vld1q_f32(start); }
  static void store_sum(Sum* target, Vector sum) { vst1q_f32(target, sum); }
  static Vector maximum(Vector a, Vector b) { return vmaxnmq_f32(a, b); }
  static void keep(Vector& v) { __asm__ volatile("" : "+w"(v)); }
  /// NaN becomes `low`, as on x86: the `nm` instructions prefer the number.
  static void store(float* y, Vector sum, float low, float high, int lanes) {
    const Vector limited = vminnmq_f32(vmaxnmq_f32(sum, vdupq_n_f32(low)), vdupq_n_f32(high));
    if (lanes >= kLanes) return vst1q_f32(y, limited);
    if (lanes >= 2) vst1_f32(y, vget_low_f32(limited));
    if (lanes == 3) vst1q_lane_f32(y + 2, limited, 2);
    if (lanes == 1) vst1q_lane_f32(y, limited, 0);
  }
};

struct FloatNeon : RealNeon {
  using Weight = float;
  static Vector load_weights(const Weight* w) { return vld1q_f32(w); }
};

struct HalfNeon : RealNeon {
  using Weight = uint16_t;
  static Vector load_weights(const Weight* w) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(w))); }
};

struct IntegerNeon {
  using In = int8_t;
  using Sum = int32_t;
  using Weight = int8_t;
  using Vector = int32x4_t;
  static constexpr int kLanes = 4, kGroup = 2, kMaxConvVectors = 4, kMaxDenseVectors = 8;
  static constexpr int kTilePixels[] = {0, 16, 12, 8, 6};
  static constexpr bool kSubtractZero = false;
  static constexpr int kSignedOffset = 0, kUnsignedOffset = -128;

  /// Inputs and weights are the lower eight bytes of a register.
  static Vector broadcast(const In* x) {
    int16_t pair;
    __builtin_memcpy(&pair, x, sizeof pair);
    return vreinterpretq_s32_s16(vdupq_n_s16(pair));
  }
  static Vector load_weights(const Weight* w) { return vreinterpretq_s32_s8(vcombine_s8(vld1_s8(w), vdup_n_s8(0))); }
  static int8x8_t lower_bytes(Vector v) { return vget_low_s8(vreinterpretq_s8_s32(v)); }
  static Vector multiply_add(Vector sum, Vector x, Vector w) {
    return vpadalq_s16(sum, vmull_s8(lower_bytes(x), lower_bytes(w)));
  }
  static Vector load_sum(const Sum* start) { return vld1q_s32(start); }
  static void store_sum(Sum* target, Vector sum) { vst1q_s32(target, sum); }
  static void keep(Vector& v) { __asm__ volatile("" : "+w"(v)); }

  static Vector same(int32_t x) { return vdupq_n_s32(x); }
  static Vector load_s8(const int8_t* x) { return vmovl_s16(vget_low_s16(vmovl_s8(vld1_s8(x)))); }
  static Vector add(Vector a, Vector b) { return vaddq_s32(a, b); }
  static Vector subtract(Vector a, Vector b) { return vsubq_s32(a, b); }
  static Vector multiply(Vector a, Vector b) { return vmulq_s32(a, b); }

  /// `sqrdmulh` is doubling_high_multiply. `srshl` to the right rounds halves upwards: what is negative is lowered by one
  /// before, so that its halves go away from zero.
  struct Rescale {
    int32x4_t multiplier, left, right;  // right ≤ 0
    Rescale(const int32_t* multipliers, const int32_t* shifts) {
      const int32x4_t shift = load_sum(shifts), zero = vdupq_n_s32(0);
      multiplier = load_sum(multipliers);
      left = vmaxq_s32(shift, zero);
      right = vminq_s32(shift, zero);
    }
    int32x4_t operator()(int32x4_t x) const {
      const int32x4_t high = vqrdmulhq_s32(vshlq_s32(x, left), multiplier);
      const int32x4_t less_one = vshrq_n_s32(vandq_s32(high, right), 31);
      return vrshlq_s32(vqaddq_s32(high, less_one), right);
    }
  };

  /// Nothing here is shorter than `sqrdmulh`.
  struct ShortRescale : Rescale {
    int32x4_t zero_point;
    ShortRescale(const int32_t* multipliers, const int32_t* shifts, int32_t zero)
        : Rescale(multipliers, shifts), zero_point(vdupq_n_s32(zero)) {}
    int32x4_t operator()(int32x4_t x) const { return vaddq_s32(Rescale::operator()(x), zero_point); }
  };

  /// rescale_once: a 64-bit shift of the product for each lane.
  struct RescaleOnce {
    int32x4_t multiplier;
    int64x2_t low_shift, high_shift;  // < 0
    RescaleOnce(const int32_t* multipliers, const int32_t* shifts) {
      const int32x4_t total = vsubq_s32(load_sum(shifts), vdupq_n_s32(31));
      multiplier = load_sum(multipliers);
      low_shift = vmovl_s32(vget_low_s32(total));
      high_shift = vmovl_high_s32(total);
    }
    int32x4_t operator()(int32x4_t x) const {
      const int64x2_t low = vrshlq_s64(vmull_s32(vget_low_s32(x), vget_low_s32(multiplier)), low_shift);
      return vmovn_high_s64(vmovn_s64(low), vrshlq_s64(vmull_high_s32(x, multiplier), high_shift));
    }
  };

  static void store_s8(int8_t* y, Vector x, int32_t low, int32_t high, int lanes) {
    x = vminq_s32(vmaxq_s32(x, vdupq_n_s32(low)), vdupq_n_s32(high));
    const int16x4_t narrow = vmovn_s32(x);
    const int32_t four = vget_lane_s32(vreinterpret_s32_s8(vmovn_s16(vcombine_s16(narrow, narrow))), 0);
    if (lanes >= kLanes)
      __builtin_memcpy(y, &four, kLanes);
    else
      for (int i = 0; i < lanes; ++i) y[i] = static_cast<int8_t>(four >> (8 * i));
  }

  /// Least and greatest of `count` > 0 numbers.
  static void range(const float* x, ptrdiff_t count, float& low, float& high) {
    float32x4_t lows = vdupq_n_f32(x[0]), highs = lows;
    ptrdiff_t i = 0;
    for (; i + 4 <= count; i += 4) {
      const float32x4_t v = vld1q_f32(x + i);
      lows = vminnmq_f32(lows, v);
      highs = vmaxnmq_f32(highs, v);
    }
    low = vminnmvq_f32(lows), high = vmaxnmvq_f32(highs);
    for (; i < count; ++i) low = x[i] < low ? x[i] : low, high = x[i] > high ? x[i] : high;
  }

  /// dynamic_quantized less 128.
  static void quantize(const float* x, ptrdiff_t count, const DynamicScale& q, In* target) {
    const float32x4_t half = vdupq_n_f32(0.5f), zero = vdupq_n_f32(static_cast<float>(q.zero));
    const uint32x4_t sign = vdupq_n_u32(1u << 31);
    for (ptrdiff_t i = 0; i < count; i += 4) {
      const float32x4_t scaled = vmulq_f32(vld1q_f32(x + i), vdupq_n_f32(q.inverse));  // may read past the end
      const float32x4_t away = vaddq_f32(scaled, vbslq_f32(sign, scaled, half));
      const float32x4_t whole = vaddq_f32(vrndq_f32(away), zero);
      const float32x4_t limited = vminnmq_f32(vmaxnmq_f32(whole, vdupq_n_f32(0)), vdupq_n_f32(255));
      const int32x4_t whole_s32 = vaddq_s32(vcvtq_s32_f32(limited), vdupq_n_s32(kUnsignedOffset));
      store_s8(target + i, whole_s32, -128, 127, static_cast<int>(count - i < 4 ? count - i : 4));
    }
  }

  static void store_hybrid(float* y, Vector sum, HybridScales by, const RealResult& r, int first, int lanes) {
    const float32x4_t scale = vmulq_f32(vdupq_n_f32(by.first), vld1q_f32(r.weight_scale + first));
    const float32x4_t real = vmulq_f32(vmulq_f32(vcvtq_f32_s32(sum), scale), vdupq_n_f32(by.last));
    RealNeon::store(y, vaddq_f32(real, vld1q_f32(r.bias + first)), r.low, r.high, lanes);
  }
};

}  // namespace
}  // namespace slimpilot
