// SPDX-License-Identifier: Apache-2.0
// The limits of VNNI.
#include "engine/kernels/limits/limits_generic.h"
#include "engine/kernels/simd_avx512vnni.h"

namespace slimpilot::avx512vnni {

const LimitLoops limit_loops = {.integer = kMultiplyAddLoop<IntegerAvx512Vnni>};

}  // namespace slimpilot::avx512vnni
