// SPDX-License-Identifier: Apache-2.0
// The limits of NEON's integer dot products.
#include "engine/kernels/limits/limits_generic.h"
#include "engine/kernels/simd_neon_dotprod.h"

namespace slimpilot::neon_dotprod {

const LimitLoops limit_loops = {.integer = kMultiplyAddLoop<IntegerNeonDotprod>};

}  // namespace slimpilot::neon_dotprod
