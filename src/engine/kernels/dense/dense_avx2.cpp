// SPDX-License-Identifier: Apache-2.0
// The generic dense kernels with AVX2 registers.
#include "engine/kernels/dense/dense_generic.h"
#include "engine/kernels/simd_avx2.h"

namespace slimpilot::avx2 {

const DenseKernels dense = {
    .f32 = {dense_layout<FloatAvx2>, dense_real<FloatAvx2>},
    .f16 = {dense_layout<HalfAvx2>, dense_real<HalfAvx2>},
    .s8 = {dense_layout<IntegerAvx2>, dense_s8<IntegerAvx2>},
    .s16 = {dense_layout<IntegerAvx2>, dense_s16<IntegerAvx2>},
    .hybrid = {dense_layout<IntegerAvx2>, dense_hybrid<IntegerAvx2>},
};

}  // namespace slimpilot::avx2
