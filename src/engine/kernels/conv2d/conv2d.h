// SPDX-License-Identifier: Apache-2.0
// 2-D convolution, NHWC, batch 1. Integer variants are exact; the real ones state their error in conv2d_test.cpp.
#pragma once

#include "engine/kernels/kernel_args.h"

namespace slimpilot {

/// There is no f16: plans make float16 weights of convolutions float32 (or bfloat16). `…_skip` leave out inputs that are zero
/// at all pixels of a tile.
using Conv2dKernels = PackedKernels<Conv2dArgs>;

/// Bytes of scratch that suffice for every kernel: the padded image in the kernel's own input type, a bit for each of its
/// numbers (int16 has two planes), per-output starts, and the sums of a row or how results are rescaled.
inline constexpr size_t conv2d_scratch_bytes(const Conv2dArgs& a) {
  const size_t h = static_cast<size_t>(a.in_h + a.pad_top + a.pad_bottom),
               w = static_cast<size_t>(a.in_w + a.pad_left + a.pad_right);
  return h * w * static_cast<size_t>(a.in_c) * 9 / 2 + 512 +
         (static_cast<size_t>(a.out_c) + kChannelPadding) * (8 + 4 * static_cast<size_t>(a.out_w + 8));
}

namespace reference {
extern const Conv2dKernels conv2d;
void conv2d_f16(const Conv2dArgs& a, const Io& io) noexcept;  // for dense layers
}  // namespace reference
namespace avx2 {
extern const Conv2dKernels conv2d, conv2d_skip;  // skip: f32
}
// With registers of 512 and of 256 bits.
namespace avx512 {
extern const Conv2dKernels conv2d, conv2d_256, conv2d_skip, conv2d_256_skip;  // f32 only
}
namespace avx512vnni {
extern const Conv2dKernels conv2d, conv2d_256, conv2d_narrow, conv2d_narrow_skip;  // s8, s16 and hybrid only; narrow: s8
}
namespace avx512bf16 {
extern const Conv2dKernels conv2d;  // bf16 only; registers of 256 bits
}
namespace amx {
extern const Conv2dKernels conv2d;  // s8 and bf16, whose sums have an order of their own
}
namespace neon {
extern const Conv2dKernels conv2d;
}
namespace neon_dotprod {
extern const Conv2dKernels conv2d;  // s8, s16 and hybrid only
}

}  // namespace slimpilot
