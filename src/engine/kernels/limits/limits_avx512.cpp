// SPDX-License-Identifier: Apache-2.0
// The limits of AVX-512 in real numbers.
#include "engine/kernels/limits/limits_generic.h"
#include "engine/kernels/simd_avx512.h"

namespace slimpilot::avx512 {

const LimitLoops limit_loops = {.real = kMultiplyAddLoop<FloatAvx512>, .read = read_loop<FloatAvx512>};

}  // namespace slimpilot::avx512
