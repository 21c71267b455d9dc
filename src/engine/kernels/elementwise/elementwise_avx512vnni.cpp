// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/elementwise/elementwise_generic.h"
#include "engine/kernels/simd_avx512vnni.h"

namespace slimpilot::avx512vnni {

const ElementwiseKernels elementwise = {
    .add_s8 = add_s8<IntegerAvx512Vnni>,
    .multiply_s8 = multiply_s8<IntegerAvx512Vnni>,
};

}  // namespace slimpilot::avx512vnni
