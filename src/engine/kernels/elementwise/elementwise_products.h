// SPDX-License-Identifier: Apache-2.0
// Products of int8 numbers with VNNI's registers, 32 or 64 at a time: the rescaling to bytes where it is exact. Anonymous: see
// kernel_args.h.
#pragma once

#include "engine/kernels/elementwise/elementwise_generic.h"
#include "engine/kernels/simd_avx512vnni.h"

namespace slimpilot {
namespace {

struct Products {
  using V = NarrowVnni256;
  __m256i a_zero, b_zero;
  Rescaling<V> general;
  V::RescaleToBytes rescale;
  V::Bytes low, high;
  int32_t zero_point;
  bool exact;

  explicit Products(const BinaryArgs& a)
      : a_zero(V::same(a.a_zero_point)),
        b_zero(V::same(a.b_zero_point)),
        general(a.output_multiplier, a.output_shift),
        rescale(general.multipliers, general.shifts, V::Numbers(a.output_zero_point).lanes),
        low(V::bytes_of(V::Numbers(a.low).lanes)),
        high(V::bytes_of(V::Numbers(a.high).lanes)),
        zero_point(a.output_zero_point),
        exact(V::RescaleToBytes::is_exact(&a.output_shift, 1)) {}

  __m256i product(const int8_t* a, __m256i b) const {
    return V::multiply(V::subtract(V::load_s8(a), a_zero), V::subtract(b, b_zero));
  }
  /// `b_at(k)`: the 8 numbers from the k-th on.
  template <class B>
  inline __attribute__((always_inline)) V::Bytes of_32(const int8_t* a, const B& b_at) const {
    const __m256i p = product(a, b_at(0)), q = product(a + 8, b_at(8)), r = product(a + 16, b_at(16)),
                  s = product(a + 24, b_at(24));
    if (exact) return V::limited(rescale.bytes(p, q, r, s), low, high);
    const V::Rescale slow = general.vector();
    const auto rescaled = [&](__m256i x) { return V::add(slow(x), V::same(zero_point)); };
    return V::limited(V::packed(rescaled(p), rescaled(q), rescaled(r), rescaled(s)), low, high);
  }
  inline __attribute__((always_inline)) __m512i of_64(const int8_t* a, const int8_t* b) const {
    const auto half = [&](int first) { return of_32(a + first, [&](int k) { return V::load_s8(b + first + k); }); };
    return _mm512_inserti64x4(_mm512_castsi256_si512(half(0)), half(32), 1);
  }
};

}  // namespace
}  // namespace slimpilot
