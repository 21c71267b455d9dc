// SPDX-License-Identifier: Apache-2.0
// The dense kernels with AVX-512's dot products of bfloat16.
#include "engine/kernels/dense/dense_bf16.h"
#include "engine/kernels/simd_avx512bf16.h"

namespace slimpilot::avx512bf16 {

const DenseKernels dense = {
    .name = "avx512bf16",
    .bf16 = kDenseBf16<Bfloat16Avx512, InRegisters>,
};

const DenseKernels dense_streaming = {
    .name = "avx512bf16_streaming",
    .streaming = true,
    .bf16 = kDenseBf16<Bfloat16Avx512, InMemory>,
};

}  // namespace slimpilot::avx512bf16
