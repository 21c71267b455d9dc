// SPDX-License-Identifier: Apache-2.0
// The generic conv2d kernels with AVX2 registers.
#include "engine/kernels/conv2d/conv2d_skipping.h"
#include "engine/kernels/conv2d/conv2d_sparse.h"
#include "engine/kernels/simd_avx2.h"

namespace slimpilot::avx2 {

const Conv2dKernels conv2d = {
    .name = "avx2",
    .f32 = kConv2dReal<FloatAvx2>,
    .s8 = kConv2dS8<IntegerAvx2>,
    .s16 = kConv2dS16<IntegerAvx2>,
    .hybrid = kConv2dHybrid<IntegerAvx2>,
    .s8_real = kConv2dS8Real<IntegerAvx2>,
};

const Conv2dKernels conv2d_skip = {
    .name = "avx2_skip",
    .f32 = kConv2dReal<FloatAvx2, ActiveNumbers>,
};

const Conv2dKernels conv2d_sparse = {
    .name = "avx2_sparse",
    .f32 = kConv2dSparse<FloatAvx2, BlockAvx2>,
};

}  // namespace slimpilot::avx2
