// SPDX-License-Identifier: Apache-2.0
// From rows of camera pixels (RGB, 8 bits, interleaved) to rows of a network's input.
#pragma once

#include "engine/kernels/kernel_args.h"

namespace slimpilot {

inline constexpr int kResizeOne = 2048;  // the weight 1

/// Bilinear resize of 8-bit rows, as OpenCV's INTER_LINEAR places its samples: source = (target + ½)·in/out − ½, clamped at
/// the edges; weights have 11 bits, and the result is rounded once, so it is within one grey level of OpenCV's. One output row
/// from two input rows (input[0] above, input[1] below), of which no byte behind `row_bytes` is read. Byte i of `count`, three
/// per pixel, blends byte left[i] and the next pixel's, `next` bytes on (3; 0 in rows of one pixel); weights say how much of
/// the next one (0 to kResizeOne, per byte) and of the row below. Group g is whole pixels, from byte groups[g] to where the
/// next one begins (groups[group_count] is `count`), at most kResizeGroup bytes, and what they blend lies within kResizeSpan
/// bytes from left[groups[g]] on. The output has room for kResizeGroup bytes more, and so have left and right_weight. Scratch:
/// resize_scratch_bytes(count).
struct ResizeRowArgs {
  int row_bytes, count, next;
  const int32_t* left;
  const int32_t* right_weight;
  int32_t below_weight;
  int group_count;
  const int32_t* groups;
};

inline constexpr int kResizeGroup = 16, kResizeSpan = 64;

/// A row's left pixels, then its right ones, of both rows: each of `count` bytes and one behind.
constexpr int resize_strip_bytes(int count) { return count + 64; }
constexpr int resize_scratch_bytes(int count) { return 4 * resize_strip_bytes(count); }

/// 8 bits → float32: x·scale[i] + offset[i], rounded twice.
struct NormalizeRowArgs {
  int count;
  const float* scale;
  const float* offset;
};

struct PreprocessKernels {
  KernelFunction<ResizeRowArgs> resize_row;
  KernelFunction<NormalizeRowArgs> normalize_row;
};

namespace reference {
extern const PreprocessKernels preprocess;
}
namespace avx2 {
extern const PreprocessKernels preprocess;
}
namespace avx512 {
extern const PreprocessKernels preprocess;
}
namespace avx512vbmi {
extern const PreprocessKernels preprocess;
}
namespace neon {
extern const PreprocessKernels preprocess;
}

}  // namespace slimpilot
