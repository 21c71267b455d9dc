// SPDX-License-Identifier: Apache-2.0
// Dense (fully connected) layers, y = W·x + b, with the variants of PackedKernels. At batch 1 they are bound by reading
// weights, so the fast kernels keep weights input-major and do not read those of inputs that are zero (after ReLU, many).
#pragma once

#include "engine/kernels/kernel_args.h"

namespace slimpilot {

/// `dense` keeps sums in registers; `dense_streaming` keeps them in memory and the weights of one input together, so that what
/// is read is read in long runs.
using DenseKernels = PackedKernels<DenseArgs>;

/// Bytes of scratch that suffice for every kernel: the inputs in the kernel's own type, the list of non-zero ones, starts,
/// sums.
inline constexpr size_t dense_scratch_bytes(const DenseArgs& a) {
  return static_cast<size_t>(a.inputs) * 8 + 512 + (static_cast<size_t>(a.outputs) + kChannelPadding) * 16;
}

namespace reference {
extern const DenseKernels dense;
}
namespace avx2 {
extern const DenseKernels dense, dense_streaming;
}
namespace avx512 {
extern const DenseKernels dense, dense_streaming;  // f32 and f16 only
}
namespace avx512vnni {
extern const DenseKernels dense, dense_256, dense_streaming;  // s8, s16 and hybrid only
}
namespace avx512vbmi {
extern const DenseKernels dense_bitmask, dense_slots, dense_slots_of_four, dense_codebook;  // for weights that suit them
}
namespace avx512bf16 {
extern const DenseKernels dense, dense_streaming;  // bf16 only
}
namespace amx {
extern const DenseKernels dense;  // s8 only; in conv2d_amx.cpp
}
namespace neon {
extern const DenseKernels dense, dense_streaming;
}
namespace neon_dotprod {
extern const DenseKernels dense, dense_streaming;  // s8, s16 and hybrid only
}

}  // namespace slimpilot
