// SPDX-License-Identifier: Apache-2.0
// What VBMI and VBMI2 add to the registers of 512 bits: expanding by a mask, and tables of bytes. Anonymous: see kernel_args.h.
#pragma once

#include "engine/kernels/simd_avx512.h"
#include "engine/kernels/simd_avx512vnni.h"

namespace slimpilot {
namespace {

struct FloatBitmask : FloatAvx512 {
  using Mask = uint16_t;
  static Vector expand(Mask mask, const Weight* w) { return _mm512_maskz_expand_ps(mask, load_weights(w)); }
};

struct IntegerAvx512Vbmi : IntegerAvx512Vnni {
  /// Of the 128 inputs at x, those at 64 places, or four each from 16 places on.
  struct PlacesOfOne {
    static constexpr WeightStorage kStorage = WeightStorage::slots;
    static constexpr int kBytes = 64;
    static Vector load(const uint8_t* places) { return _mm512_loadu_si512(places); }
    static Vector gather(const In* x, Vector places) {
      return _mm512_permutex2var_epi8(_mm512_loadu_si512(x), places, _mm512_loadu_si512(x + 64));
    }
  };
  struct PlacesOfFour {
    static constexpr WeightStorage kStorage = WeightStorage::slots_of_four;
    static constexpr int kBytes = 16;
    static Vector load(const uint8_t* places) {
      return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(places)));
    }
    static Vector gather(const In* x, Vector places) {
      return _mm512_permutex2var_epi32(_mm512_loadu_si512(x), places, _mm512_loadu_si512(x + 64));
    }
  };

  /// Bytes of codes to a register: twice as many weights.
  static constexpr int kCodes = 64;
  static Vector load_table(const uint8_t* table) {
    return _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)));
  }
  static Vector load_codes(const uint8_t* codes) { return _mm512_loadu_si512(codes); }
  static Vector load_inputs(const In* x) { return _mm512_loadu_si512(x); }
  /// By the low four bits of each byte: `vpermb` takes six, and the table stands there four times.
  static Vector look_up(Vector table, Vector codes) { return _mm512_permutexvar_epi8(codes, table); }
  static Vector next_codes(Vector codes) { return _mm512_srli_epi16(codes, 4); }
  static Sum total(Vector sum) { return _mm512_reduce_add_epi32(sum); }
};

}  // namespace
}  // namespace slimpilot
