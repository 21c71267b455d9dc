// SPDX-License-Identifier: Apache-2.0
// The generic dense kernels with VNNI's integer dot products.
#include "engine/kernels/dense/dense_generic.h"
#include "engine/kernels/simd_avx512vnni.h"

namespace slimpilot::avx512vnni {

const DenseKernels dense = {
    .name = "avx512vnni",
    .s8 = kDenseS8<IntegerAvx512Vnni, InRegisters>,
    .s16 = kDenseS16<IntegerAvx512Vnni, InRegisters>,
    .hybrid = kDenseHybrid<IntegerAvx512Vnni, InRegisters>,
    .s8_real = kDenseS8Real<IntegerAvx512Vnni, InRegisters>,
};

const DenseKernels dense_256 = {
    .name = "avx512vnni_256",
    .s8 = kDenseS8<IntegerVnni256, InRegisters>,
    .s16 = kDenseS16<IntegerVnni256, InRegisters>,
    .hybrid = kDenseHybrid<IntegerVnni256, InRegisters>,
    .s8_real = kDenseS8Real<IntegerVnni256, InRegisters>,
};

const DenseKernels dense_streaming = {
    .name = "avx512vnni_streaming",
    .streaming = true,
    .s8 = kDenseS8<IntegerAvx512Vnni, InMemory>,
    .s16 = kDenseS16<IntegerAvx512Vnni, InMemory>,
    .hybrid = kDenseHybrid<IntegerAvx512Vnni, InMemory>,
    .s8_real = kDenseS8Real<IntegerAvx512Vnni, InMemory>,
};

}  // namespace slimpilot::avx512vnni
