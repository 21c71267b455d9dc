// SPDX-License-Identifier: Apache-2.0
// The limits of AVX2.
#include "engine/kernels/limits/limits_generic.h"
#include "engine/kernels/simd_avx2.h"

namespace slimpilot::avx2 {

const LimitLoops limit_loops = {
    .real = kMultiplyAddLoop<FloatAvx2>, .integer = kMultiplyAddLoop<IntegerAvx2>, .read = read_loop<FloatAvx2>};

}  // namespace slimpilot::avx2
