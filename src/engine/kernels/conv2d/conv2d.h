// SPDX-License-Identifier: Apache-2.0
// 2-D convolution, NHWC, batch 1. Integer variants are exact; the real ones state their error in conv2d_test.cpp.
#pragma once

#include "engine/kernels/kernel_args.h"

namespace slimpilot {

/// There is no f16: plans make float16 weights of convolutions float32 (or bfloat16). `…_skip` leave out inputs that are zero
/// at all pixels of a tile; `…_sparse` weights that are zero as well.
using Conv2dKernels = PackedKernels<Conv2dArgs>;

constexpr bool is_padded(const Conv2dArgs& a) { return (a.pad_top | a.pad_bottom | a.pad_left | a.pad_right) != 0; }

/// `…_sparse` kernels compute tiles of at most so many rows, which read so many of the image.
inline constexpr int kSparseRows = 7;
constexpr int sparse_tile_rows(const Conv2dArgs& a) {
  return ((a.out_h < kSparseRows ? a.out_h : kSparseRows) - 1) * a.stride_h + a.kernel_h;
}

/// Bytes of what a tile of 16 pixels a row reads, by places in a row of the windows, of a bit for each place, of the sums, and
/// of what they begin as; places and outputs are rounded up to 8.
constexpr size_t sparse_tile_bytes(const Conv2dArgs& a) {
  const size_t places = static_cast<size_t>(a.kernel_w) * static_cast<size_t>(a.in_c) + 7;
  return static_cast<size_t>(sparse_tile_rows(a)) * (places * 64 + places / 8 + 8) +
         (static_cast<size_t>(a.out_c) + 7) * (kSparseRows * 64 + 4) + 256;
}

/// Bytes of scratch that suffice for every kernel: the padded image in the kernel's own input type, a bit for each of its
/// numbers (int16 has two planes), per-output starts, and the sums of a row or how results are rescaled.
constexpr size_t conv2d_scratch_bytes(const Conv2dArgs& a) {
  const size_t h = static_cast<size_t>(a.in_h + a.pad_top + a.pad_bottom),
               w = static_cast<size_t>(a.in_w + a.pad_left + a.pad_right), numbers = h * w * static_cast<size_t>(a.in_c);
  const size_t dense =
      numbers * 9 / 2 + 512 + (static_cast<size_t>(a.out_c) + kChannelPadding) * (8 + 4 * static_cast<size_t>(a.out_w + 8));
  const size_t sparse = sparse_tile_bytes(a) + (is_padded(a) ? numbers * 4 : numbers) + 512;
  return dense > sparse ? dense : sparse;
}

namespace reference {
extern const Conv2dKernels conv2d;
void conv2d_f16(const Conv2dArgs& a, const Io& io) noexcept;  // for dense layers
}  // namespace reference
namespace avx2 {
extern const Conv2dKernels conv2d, conv2d_skip, conv2d_sparse;  // skip, sparse: f32
}
// With registers of 512 and of 256 bits.
namespace avx512 {
extern const Conv2dKernels conv2d, conv2d_256, conv2d_skip, conv2d_256_skip, conv2d_sparse;  // f32 only
}
namespace avx512vnni {
// s8 (not 256), s16 and hybrid; narrow and sparse: s8
extern const Conv2dKernels conv2d, conv2d_256, conv2d_narrow, conv2d_narrow_skip, conv2d_sparse;
}  // namespace avx512vnni
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
