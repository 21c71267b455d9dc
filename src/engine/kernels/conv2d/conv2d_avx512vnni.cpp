// SPDX-License-Identifier: Apache-2.0
// The generic conv2d kernels with VNNI's integer dot products.
#include "engine/kernels/conv2d/conv2d_generic.h"
#include "engine/kernels/simd_avx512vnni.h"

namespace slimpilot::avx512vnni {

const Conv2dKernels conv2d = {
    .name = "avx512vnni",
    .s8 = {conv2d_layout<IntegerAvx512Vnni>, conv2d_s8<IntegerAvx512Vnni>},
    .s16 = {conv2d_layout<IntegerAvx512Vnni>, conv2d_s16<IntegerAvx512Vnni>},
    .hybrid = {conv2d_layout<IntegerAvx512Vnni>, conv2d_hybrid<IntegerAvx512Vnni>},
};

const Conv2dKernels conv2d_256 = {
    .name = "avx512vnni_256",
    .s8 = {conv2d_layout<IntegerVnni256>, conv2d_s8<IntegerVnni256>},
    .s16 = {conv2d_layout<IntegerVnni256>, conv2d_s16<IntegerVnni256>},
    .hybrid = {conv2d_layout<IntegerVnni256>, conv2d_hybrid<IntegerVnni256>},
};

}  // namespace slimpilot::avx512vnni
