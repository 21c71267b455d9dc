// SPDX-License-Identifier: Apache-2.0
// The generic conv2d kernels with NEON registers.
#include "engine/kernels/conv2d/conv2d_generic.h"
#include "engine/kernels/simd_neon.h"

namespace slimpilot::neon {

const Conv2dKernels conv2d = {
    .name = "neon",
    .f32 = kConv2dReal<FloatNeon>,
    .s8 = kConv2dS8<IntegerNeon>,
    .s16 = kConv2dS16<IntegerNeon>,
    .hybrid = kConv2dHybrid<IntegerNeon>,
    .s8_real = kConv2dS8Real<IntegerNeon>,
};

}  // namespace slimpilot::neon
