// SPDX-License-Identifier: Apache-2.0
// The conv2d kernel with AVX-512's dot products of bfloat16. Registers of 512 bits gain 1 % of a network (AMD EPYC) for 30 kB
// of code, leaving out zeros nothing.
#include "engine/kernels/conv2d/conv2d_bf16.h"
#include "engine/kernels/simd_avx512bf16.h"

namespace slimpilot::avx512bf16 {

const Conv2dKernels conv2d = {
    .name = "avx512bf16",
    .bf16 = kConv2dBf16<Bfloat16Avx512_256>,
};

}  // namespace slimpilot::avx512bf16
