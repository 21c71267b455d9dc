// SPDX-License-Identifier: Apache-2.0
// The generic dense kernels with NEON registers.
#include "engine/kernels/dense/dense_generic.h"
#include "engine/kernels/simd_neon.h"

namespace slimpilot::neon {

const DenseKernels dense = {
    .name = "neon",
    .f32 = kDenseReal<FloatNeon, InRegisters>,
    .f16 = kDenseReal<HalfNeon, InRegisters>,
    .s8 = kDenseS8<IntegerNeon, InRegisters>,
    .s16 = kDenseS16<IntegerNeon, InRegisters>,
    .hybrid = kDenseHybrid<IntegerNeon, InRegisters>,
    .s8_real = kDenseS8Real<IntegerNeon, InRegisters>,
};

const DenseKernels dense_streaming = {
    .name = "neon_streaming",
    .streaming = true,
    .f32 = kDenseReal<FloatNeon, InMemory>,
    .f16 = kDenseReal<HalfNeon, InMemory>,
    .s8 = kDenseS8<IntegerNeon, InMemory>,
    .s16 = kDenseS16<IntegerNeon, InMemory>,
    .hybrid = kDenseHybrid<IntegerNeon, InMemory>,
    .s8_real = kDenseS8Real<IntegerNeon, InMemory>,
};

}  // namespace slimpilot::neon
