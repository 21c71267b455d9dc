// SPDX-License-Identifier: Apache-2.0
// Bilinear resize of 8-bit rows, as OpenCV's INTER_LINEAR places its samples: source = (target + ½)·in/out − ½, clamped at
// the edges; weights have 11 bits, and the result is rounded once, so it is within one grey level of OpenCV's.
#pragma once

#include "engine/kernels/kernel_args.h"

namespace slimpilot {

inline constexpr int kResizeOne = 2048;  // the weight 1

/// One output row from two input rows (input[0] above, input[1] below). Element i blends the elements left[i] and right[i] of
/// the rows; weights say how much of right and below. Scratch: 4 bytes per input element.
struct ResizeRowArgs {
  int inputs, outputs;  // elements per row
  const int32_t* left;
  const int32_t* right;
  const int32_t* right_weight;
  int32_t below_weight;
};

namespace reference {
void resize_row(const ResizeRowArgs&, const Io&) noexcept;
}
namespace avx2 {
void resize_row(const ResizeRowArgs&, const Io&) noexcept;
}
namespace avx512 {
void resize_row(const ResizeRowArgs&, const Io&) noexcept;
}
namespace neon {
void resize_row(const ResizeRowArgs&, const Io&) noexcept;
}

}  // namespace slimpilot
