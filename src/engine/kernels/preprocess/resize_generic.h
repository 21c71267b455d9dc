// SPDX-License-Identifier: Apache-2.0
// Bilinear resize in two passes, which the compiler vectorizes for the instruction set of the including file: blend the two
// rows, then gather and blend the columns. Anonymous: see kernel_args.h.
#pragma once

#include "engine/kernels/preprocess/resize.h"

namespace slimpilot {
namespace {

inline void resize_row_in_two_passes(const ResizeRowArgs& a, const Io& io) {
  const auto* above = static_cast<const uint8_t*>(io.input[0]);
  const auto* below = static_cast<const uint8_t*>(io.input[1]);
  auto* __restrict blended = static_cast<int32_t*>(io.scratch);
  auto* __restrict y = static_cast<uint8_t*>(io.output);
  const int32_t above_weight = kResizeOne - a.below_weight, below_weight = a.below_weight;
  for (int i = 0; i < a.inputs; ++i) blended[i] = above[i] * above_weight + below[i] * below_weight;
  for (int i = 0; i < a.outputs; ++i) {
    const int32_t sum = blended[a.left[i]] * (kResizeOne - a.right_weight[i]) + blended[a.right[i]] * a.right_weight[i];
    y[i] = static_cast<uint8_t>((sum + kResizeOne * kResizeOne / 2) >> 22);
  }
}

}  // namespace
}  // namespace slimpilot
