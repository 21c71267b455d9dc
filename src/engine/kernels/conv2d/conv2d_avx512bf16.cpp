// SPDX-License-Identifier: Apache-2.0
// The conv2d kernels with AVX-512's dot products of bfloat16.
#include "engine/kernels/conv2d/conv2d_bf16.h"
#include "engine/kernels/conv2d/conv2d_skipping.h"
#include "engine/kernels/simd_avx512bf16.h"

namespace slimpilot::avx512bf16 {

const Conv2dKernels conv2d = {
    .name = "avx512bf16",
    .bf16 = kConv2dBf16<Bfloat16Avx512>,
};

const Conv2dKernels conv2d_256 = {
    .name = "avx512bf16_256",
    .bf16 = kConv2dBf16<Bfloat16Avx512_256>,
};

const Conv2dKernels conv2d_256_skip = {
    .name = "avx512bf16_256_skip",
    .bf16 = kConv2dBf16<Bfloat16Avx512_256, ActiveGroups>,
};

const Conv2dKernels conv2d_skip = {
    .name = "avx512bf16_skip",
    .bf16 = kConv2dBf16<Bfloat16Avx512, ActiveGroups>,
};

}  // namespace slimpilot::avx512bf16
