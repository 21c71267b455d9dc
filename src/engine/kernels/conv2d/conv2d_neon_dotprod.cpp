// SPDX-License-Identifier: Apache-2.0
// The generic conv2d kernels with NEON's integer dot products.
#include "engine/kernels/conv2d/conv2d_generic.h"
#include "engine/kernels/simd_neon_dotprod.h"

namespace slimpilot::neon_dotprod {

const Conv2dKernels conv2d = {
    .name = "neon_dotprod",
    .s8 = kConv2dS8<IntegerNeonDotprod>,
    .s16 = kConv2dS16<IntegerNeonDotprod>,
    .hybrid = kConv2dHybrid<IntegerNeonDotprod>,
    .s8_real = kConv2dS8Real<IntegerNeonDotprod>,
};

}  // namespace slimpilot::neon_dotprod
