// SPDX-License-Identifier: Apache-2.0
// The limits of VNNI.
#include "engine/kernels/limits/limits_generic.h"
#include "engine/kernels/simd_avx512vnni.h"

namespace slimpilot::avx512vnni {

const LimitLoops limit_loops = {nullptr, 0, multiply_add_loop<IntegerAvx512Vnni>, kMacsPerRound<IntegerAvx512Vnni>, nullptr};

}  // namespace slimpilot::avx512vnni
