// SPDX-License-Identifier: Apache-2.0
// The generic dense kernels with VNNI's integer dot products.
#include "engine/kernels/dense/dense_generic.h"
#include "engine/kernels/simd_avx512vnni.h"

namespace slimpilot::avx512vnni {

const DenseKernels dense = {
    .s8 = {dense_layout<IntegerAvx512Vnni>, dense_s8<IntegerAvx512Vnni>},
    .s16 = {dense_layout<IntegerAvx512Vnni>, dense_s16<IntegerAvx512Vnni>},
    .hybrid = {dense_layout<IntegerAvx512Vnni>, dense_hybrid<IntegerAvx512Vnni>},
};

}  // namespace slimpilot::avx512vnni
