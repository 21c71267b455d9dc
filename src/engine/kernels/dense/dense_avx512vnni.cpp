// SPDX-License-Identifier: Apache-2.0
// The generic dense kernels with VNNI's integer dot products.
#include "engine/kernels/dense/dense_generic.h"
#include "engine/kernels/simd_avx512vnni.h"

namespace slimpilot::avx512vnni {

const DenseKernels dense = {
    .s8 = kDenseS8<IntegerAvx512Vnni, InRegisters>,
    .s16 = kDenseS16<IntegerAvx512Vnni, InRegisters>,
    .hybrid = kDenseHybrid<IntegerAvx512Vnni, InRegisters>,
};

const DenseKernels dense_streaming = {
    .s8 = kDenseS8<IntegerAvx512Vnni, InMemory>,
    .s16 = kDenseS16<IntegerAvx512Vnni, InMemory>,
    .hybrid = kDenseHybrid<IntegerAvx512Vnni, InMemory>,
};

}  // namespace slimpilot::avx512vnni
