// SPDX-License-Identifier: Apache-2.0
// Loops that the compiler vectorizes for the instruction set of the including file. Anonymous: see kernel_args.h.
#pragma once

#include "engine/kernels/preprocess/preprocess.h"

namespace slimpilot {
namespace {

/// The pixels `behind` bytes after the left ones, one behind the other. Four bytes at a time, of which the next pixel
/// overwrites the last, as long as the row has four.
inline void gather_pixels(const uint8_t* row, int behind, const ResizeRowArgs& a, uint8_t* pixels) {
  int whole = a.count;
  while (whole > 0 && a.left[whole - 3] + behind + 4 > a.row_bytes) whole -= 3;
  for (int i = 0; i < whole; i += 3) __builtin_memcpy(pixels + i, row + behind + a.left[i], 4);
  for (int i = whole; i < a.count; i += 3) __builtin_memcpy(pixels + i, row + behind + a.left[i], 3);
}

/// Gathers pixels, which costs less than gathering numbers, then blends whole rows of them.
inline void resize_row(const ResizeRowArgs& a, const Io& io) noexcept {
  const auto* above = static_cast<const uint8_t*>(io.input[0]);
  const auto* below = static_cast<const uint8_t*>(io.input[1]);
  auto* __restrict left_above = static_cast<uint8_t*>(io.scratch);
  const int strip = resize_strip_bytes(a.count);
  uint8_t* __restrict right_above = left_above + strip, * __restrict left_below = right_above + strip, * __restrict right_below = left_below + strip;
  gather_pixels(above, 0, a, left_above);
  gather_pixels(above, a.next, a, right_above);
  gather_pixels(below, 0, a, left_below);
  gather_pixels(below, a.next, a, right_below);
  auto* __restrict y = static_cast<uint8_t*>(io.output);
  const int32_t* __restrict right_weight = a.right_weight;
  const int32_t above_weight = kResizeOne - a.below_weight, below_weight = a.below_weight;
  for (int i = 0, count = a.count; i < count; ++i) {
    const int32_t left = left_above[i] * above_weight + left_below[i] * below_weight;
    const int32_t right = right_above[i] * above_weight + right_below[i] * below_weight;
    y[i] = static_cast<uint8_t>((left * kResizeOne + (right - left) * right_weight[i] + kResizeOne * kResizeOne / 2) >> 22);
  }
}

inline void normalize_row(const NormalizeRowArgs& a, const Io& io) noexcept {
  const auto* x = static_cast<const uint8_t*>(io.input[0]);
  auto* __restrict y = static_cast<float*>(io.output);
  const float* __restrict scale = a.scale, * __restrict offset = a.offset;
  for (int i = 0, count = a.count; i < count; ++i) y[i] = static_cast<float>(x[i]) * scale[i] + offset[i];
}

}  // namespace
}  // namespace slimpilot
