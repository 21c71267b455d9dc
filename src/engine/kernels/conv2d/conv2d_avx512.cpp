// SPDX-License-Identifier: Apache-2.0
// The generic conv2d kernels with AVX-512 registers; integers wait for VNNI.
#include "engine/kernels/conv2d/conv2d_generic.h"
#include "engine/kernels/simd_avx512.h"

namespace slimpilot::avx512 {

const Conv2dKernels conv2d = {
    .name = "avx512",
    .f32 = {conv2d_layout<FloatAvx512>, conv2d_real<FloatAvx512>},
    .f16 = {conv2d_layout<HalfAvx512>, conv2d_real<HalfAvx512>},
};

const Conv2dKernels conv2d_256 = {
    .name = "avx512_256",
    .f32 = {conv2d_layout<FloatAvx512_256>, conv2d_real<FloatAvx512_256>},
    .f16 = {conv2d_layout<HalfAvx512_256>, conv2d_real<HalfAvx512_256>},
};

}  // namespace slimpilot::avx512
