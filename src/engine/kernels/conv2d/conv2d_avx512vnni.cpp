// SPDX-License-Identifier: Apache-2.0
// The generic conv2d kernels with VNNI's integer dot products.
#include "engine/kernels/conv2d/conv2d_narrow_skipping.h"
#include "engine/kernels/conv2d/conv2d_sparse_s8.h"
#include "engine/kernels/simd_avx512vnni.h"

namespace slimpilot::avx512vnni {

const Conv2dKernels conv2d = {
    .name = "avx512vnni",
    .s8 = kConv2dS8<IntegerAvx512Vnni>,
    .s16 = kConv2dS16<IntegerAvx512Vnni>,
    .hybrid = kConv2dHybrid<IntegerAvx512Vnni>,
    .s8_real = kConv2dS8Real<IntegerAvx512Vnni>,
};

const Conv2dKernels conv2d_256 = {
    .name = "avx512vnni_256",
    .s16 = kConv2dS16<IntegerVnni256>,
    .hybrid = kConv2dHybrid<IntegerVnni256>,
    .s8_real = kConv2dS8Real<IntegerVnni256>,
};

const Conv2dKernels conv2d_narrow = {
    .name = "avx512vnni_narrow",
    .several = true,
    .s8 = kConv2dNarrowS8<NarrowVnni256>,
};

const Conv2dKernels conv2d_narrow_skip = {
    .name = "avx512vnni_narrow_skip",
    .several = true,
    .s8 = kConv2dNarrowSkippingS8<NarrowVnni256>,
};

const Conv2dKernels conv2d_sparse = {
    .name = "avx512vnni_sparse",
    .s8 = kConv2dSparseS8<IntegerAvx512Vnni, NarrowVnni256, BlockAvx2>,
};

}  // namespace slimpilot::avx512vnni
