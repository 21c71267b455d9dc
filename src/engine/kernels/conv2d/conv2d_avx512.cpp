// SPDX-License-Identifier: Apache-2.0
// The generic conv2d kernels with AVX-512 registers; integers wait for VNNI.
#include "engine/kernels/conv2d/conv2d_skipping.h"
#include "engine/kernels/conv2d/conv2d_sparse.h"
#include "engine/kernels/simd_avx512.h"

namespace slimpilot::avx512 {

const Conv2dKernels conv2d = {
    .name = "avx512",
    .f32 = kConv2dReal<FloatAvx512>,
};

const Conv2dKernels conv2d_256 = {
    .name = "avx512_256",
    .f32 = kConv2dReal<FloatAvx512_256>,
};

const Conv2dKernels conv2d_skip = {
    .name = "avx512_skip",
    .f32 = kConv2dReal<FloatAvx512, ActiveNumbers>,
};

const Conv2dKernels conv2d_256_skip = {
    .name = "avx512_256_skip",
    .f32 = kConv2dReal<FloatAvx512_256, ActiveNumbers>,
};

const Conv2dKernels conv2d_sparse = {
    .name = "avx512_sparse",
    .f32 = kConv2dSparse<FloatAvx512, BlockAvx2>,
};

}  // namespace slimpilot::avx512
