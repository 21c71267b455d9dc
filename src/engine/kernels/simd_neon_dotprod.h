// SPDX-License-Identifier: Apache-2.0
// What the dot-product instructions of ARMv8.2 add: `sdot` adds four products of signed bytes to each lane of 32 bits.
// Anonymous: see kernel_args.h.
#pragma once

#include "engine/kernels/simd_neon.h"

namespace slimpilot {
namespace {

struct IntegerNeonDotprod : IntegerNeon {
  static constexpr int kGroup = 4;

  static Vector broadcast(const In* x) {
    int32_t four;
    __builtin_memcpy(&four, x, sizeof four);
    return vdupq_n_s32(four);
  }
  static Vector load_weights(const Weight* w) { return vreinterpretq_s32_s8(vld1q_s8(w)); }
  static Vector multiply_add(Vector sum, Vector x, Vector w) {
    return vdotq_s32(sum, vreinterpretq_s8_s32(x), vreinterpretq_s8_s32(w));
  }
};

}  // namespace
}  // namespace slimpilot
