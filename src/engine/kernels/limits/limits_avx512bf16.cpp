// SPDX-License-Identifier: Apache-2.0
// The limits of bfloat16's dot products.
#include "engine/kernels/limits/limits_generic.h"
#include "engine/kernels/simd_avx512bf16.h"

namespace slimpilot::avx512bf16 {

const LimitLoops limit_loops = {.reduced = kMultiplyAddLoop<Bfloat16Avx512>};

}  // namespace slimpilot::avx512bf16
