// SPDX-License-Identifier: Apache-2.0
// The generic dense kernels with AVX-512 registers; integers wait for VNNI.
#include "engine/kernels/dense/dense_generic.h"
#include "engine/kernels/simd_avx512.h"

namespace slimpilot::avx512 {

const DenseKernels dense = {
    .name = "avx512",
    .f32 = kDenseReal<FloatAvx512, InRegisters>,
    .f16 = kDenseReal<HalfAvx512, InRegisters>,
};

const DenseKernels dense_streaming = {
    .name = "avx512_streaming",
    .streaming = true,
    .f32 = kDenseReal<FloatAvx512, InMemory>,
    .f16 = kDenseReal<HalfAvx512, InMemory>,
};

}  // namespace slimpilot::avx512
