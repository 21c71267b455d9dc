// SPDX-License-Identifier: Apache-2.0
// How the generic conv2d and dense kernels read activations: converters to the register wrapper's input type, and the start
// values of sums that take off the offsets which the conversion adds. Anonymous: see kernel_args.h.
#pragma once

#include "engine/kernels/kernel_args.h"
#include "engine/kernels/quantize/dynamic_quantization.h"

namespace slimpilot {
namespace {

/// What an input of int8 value `zero_point` becomes.
template <class V>
typename V::In converted_zero(int32_t zero_point) {
  return static_cast<typename V::In>(V::kSubtractZero ? 0 : zero_point + V::kSignedOffset);
}

/// int8 activations; one plane.
template <class V>
struct ReadS8 {
  static constexpr int kPlanes = 1;
  const int8_t* input;
  int32_t zero_point;

  typename V::In padding(int) const { return converted_zero<V>(zero_point); }
  void operator()(int, ptrdiff_t first, int count, typename V::In* __restrict target) const {
    const int8_t* __restrict x = input + first;  // bytes may alias everything, and would be read one by one
    const int offset = V::kSubtractZero ? -zero_point : V::kSignedOffset;
    for (int i = 0; i < count; ++i) target[i] = static_cast<typename V::In>(x[i] + offset);
  }
  /// The bias less Σw·(what the conversion adds to an input's difference from its zero point), modulo 2³².
  int32_t start(int, const IntegerResult& r, int o) const {
    const uint32_t offset = V::kSubtractZero ? 0 : static_cast<uint32_t>(zero_point + V::kSignedOffset);
    return static_cast<int32_t>(static_cast<uint32_t>(r.bias[o]) - offset * static_cast<uint32_t>(r.weight_sum[o]));
  }
};

/// int16 activations as two planes of bytes: value = 256·upper + lower, lower in 0…255.
template <class V>
struct ReadS16 {
  static constexpr int kPlanes = 2;
  const int16_t* input;

  static constexpr int offset(int plane) { return plane == 0 ? V::kSignedOffset : V::kUnsignedOffset; }
  typename V::In padding(int plane) const { return static_cast<typename V::In>(offset(plane)); }
  void operator()(int plane, ptrdiff_t first, int count, typename V::In* target) const {
    const int16_t* x = input + first;
    if (plane == 0)
      for (int i = 0; i < count; ++i) target[i] = static_cast<typename V::In>((x[i] >> 8) + V::kSignedOffset);
    else
      for (int i = 0; i < count; ++i) target[i] = static_cast<typename V::In>((x[i] & 255) + V::kUnsignedOffset);
  }
  int32_t start(int plane, const IntegerResult& r, int o) const { return -offset(plane) * r.weight_sum[o]; }
};

/// Real activations, quantized on the fly to 8 bits; one plane.
template <class V>
struct ReadHybrid {
  static constexpr int kPlanes = 1;
  const float* input;
  DynamicScale scale;

  ReadHybrid(const float* x, ptrdiff_t count) : input(x) {
    float low, high;
    V::range(x, count, low, high);
    scale = dynamic_scale(low, high);
  }
  int32_t zero() const { return V::kSubtractZero ? 0 : scale.zero + V::kUnsignedOffset; }
  typename V::In padding(int) const { return static_cast<typename V::In>(zero()); }
  void operator()(int, ptrdiff_t first, int count, typename V::In* target) const {
    V::quantize(input + first, count, scale, target);
  }
  int32_t start(int, const IntegerResult& r, int o) const { return -zero() * r.weight_sum[o]; }
};

/// The scratch of a step: converted inputs first, then the start values.
template <class V, class Read>
void fill_starts(const Read& read, const IntegerResult& r, int outputs, int32_t* start) {
  for (int plane = 0; plane < Read::kPlanes; ++plane)
    for (int o = 0; o < outputs; ++o) start[plane * outputs + o] = read.start(plane, r, o);
}

inline void* aligned(void* pointer) {
  return reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(pointer) + 63) & ~static_cast<uintptr_t>(63));
}

}  // namespace
}  // namespace slimpilot
