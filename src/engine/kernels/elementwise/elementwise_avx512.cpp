// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/elementwise/elementwise_generic.h"

namespace slimpilot::avx512 {

constinit const ElementwiseKernels elementwise = curves<RealVector<16>>();

}  // namespace slimpilot::avx512
