// SPDX-License-Identifier: Apache-2.0
// The generic dense kernels with AVX-512 registers; integers wait for VNNI.
#include "engine/kernels/dense/dense_generic.h"
#include "engine/kernels/simd_avx512.h"

namespace slimpilot::avx512 {

const DenseKernels dense = {
    .f32 = {dense_layout<FloatAvx512>, dense_real<FloatAvx512>},
    .f16 = {dense_layout<HalfAvx512>, dense_real<HalfAvx512>},
};

}  // namespace slimpilot::avx512
