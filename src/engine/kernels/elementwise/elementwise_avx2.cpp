// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/elementwise/elementwise_generic.h"
#include "engine/kernels/simd_avx2.h"

namespace slimpilot::avx2 {

constinit const ElementwiseKernels elementwise = [] {
  ElementwiseKernels kernels = curves<RealVector<8>>();
  kernels.add_s8 = add_s8<IntegerAvx2>;
  kernels.multiply_s8 = multiply_s8<IntegerAvx2>;
  return kernels;
}();

}  // namespace slimpilot::avx2
