// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/elementwise/elementwise_generic.h"
#include "engine/kernels/simd_neon.h"

namespace slimpilot::neon {

constinit const ElementwiseKernels elementwise = [] {
  ElementwiseKernels kernels = curves<RealVector<4>>();
  kernels.add_s8 = add_s8<IntegerNeon>;
  kernels.multiply_s8 = multiply_s8<IntegerNeon>;
  return kernels;
}();

}  // namespace slimpilot::neon
