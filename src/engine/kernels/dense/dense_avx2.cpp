// SPDX-License-Identifier: Apache-2.0
// The generic dense kernels with AVX2 registers.
#include "engine/kernels/dense/dense_generic.h"
#include "engine/kernels/simd_avx2.h"

namespace slimpilot::avx2 {

const DenseKernels dense = {
    .name = "avx2",
    .f32 = kDenseReal<FloatAvx2, InRegisters>,
    .f16 = kDenseReal<HalfAvx2, InRegisters>,
    .s8 = kDenseS8<IntegerAvx2, InRegisters>,
    .s16 = kDenseS16<IntegerAvx2, InRegisters>,
    .hybrid = kDenseHybrid<IntegerAvx2, InRegisters>,
    .s8_real = kDenseS8Real<IntegerAvx2, InRegisters>,
};

const DenseKernels dense_streaming = {
    .name = "avx2_streaming",
    .streaming = true,
    .f32 = kDenseReal<FloatAvx2, InMemory>,
    .f16 = kDenseReal<HalfAvx2, InMemory>,
    .s8 = kDenseS8<IntegerAvx2, InMemory>,
    .s16 = kDenseS16<IntegerAvx2, InMemory>,
    .hybrid = kDenseHybrid<IntegerAvx2, InMemory>,
    .s8_real = kDenseS8Real<IntegerAvx2, InMemory>,
};

}  // namespace slimpilot::avx2
