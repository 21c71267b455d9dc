// SPDX-License-Identifier: Apache-2.0
// The generic conv2d kernels with AVX2 registers.
#include "engine/kernels/conv2d/conv2d_generic.h"
#include "engine/kernels/simd_avx2.h"

namespace slimpilot::avx2 {

const Conv2dKernels conv2d = {
    .name = "avx2",
    .f32 = {conv2d_layout<FloatAvx2>, conv2d_real<FloatAvx2>},
    .f16 = {conv2d_layout<HalfAvx2>, conv2d_real<HalfAvx2>},
    .s8 = {conv2d_layout<IntegerAvx2>, conv2d_s8<IntegerAvx2>},
    .s16 = {conv2d_layout<IntegerAvx2>, conv2d_s16<IntegerAvx2>},
    .hybrid = {conv2d_layout<IntegerAvx2>, conv2d_hybrid<IntegerAvx2>},
};

}  // namespace slimpilot::avx2
