// SPDX-License-Identifier: Apache-2.0
// The generic dense kernels with NEON's integer dot products.
#include "engine/kernels/dense/dense_generic.h"
#include "engine/kernels/simd_neon_dotprod.h"

namespace slimpilot::neon_dotprod {

const DenseKernels dense = {
    .name = "neon_dotprod",
    .s8 = kDenseS8<IntegerNeonDotprod, InRegisters>,
    .s16 = kDenseS16<IntegerNeonDotprod, InRegisters>,
    .hybrid = kDenseHybrid<IntegerNeonDotprod, InRegisters>,
    .s8_real = kDenseS8Real<IntegerNeonDotprod, InRegisters>,
};

const DenseKernels dense_streaming = {
    .name = "neon_dotprod_streaming",
    .streaming = true,
    .s8 = kDenseS8<IntegerNeonDotprod, InMemory>,
    .s16 = kDenseS16<IntegerNeonDotprod, InMemory>,
    .hybrid = kDenseHybrid<IntegerNeonDotprod, InMemory>,
    .s8_real = kDenseS8Real<IntegerNeonDotprod, InMemory>,
};

}  // namespace slimpilot::neon_dotprod
