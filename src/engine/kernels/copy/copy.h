// SPDX-License-Identifier: Apache-2.0
// Moves elements of any type to other places: what Concat and Permute are. One definition for every instruction set.
#pragma once

#include "engine/kernels/kernel_args.h"

namespace slimpilot {

inline constexpr int kCopyDimensions = 8;

/// For all indices below `extent` (the last runs fastest) copies `run_bytes` from Σ index·input_stride to Σ
/// index·output_stride; strides are in bytes, dimensions that are not needed have the extent 1. No extent is 0.
struct CopyArgs {
  int64_t extent[kCopyDimensions], input_stride[kCopyDimensions], output_stride[kCopyDimensions];
  int64_t run_bytes;
};

namespace reference {
void copy(const CopyArgs& a, const Io& io) noexcept;
}

}  // namespace slimpilot
