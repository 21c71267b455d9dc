// SPDX-License-Identifier: Apache-2.0
// The limits of NEON.
#include "engine/kernels/limits/limits_generic.h"
#include "engine/kernels/simd_neon.h"

namespace slimpilot::neon {

const LimitLoops limit_loops = {
    .real = kMultiplyAddLoop<FloatNeon>, .integer = kMultiplyAddLoop<IntegerNeon>, .read = read_loop<FloatNeon>};

}  // namespace slimpilot::neon
