// SPDX-License-Identifier: Apache-2.0
// Dense kernels for encoded weights, with VBMI's byte shuffles.
#include "engine/kernels/dense/dense_encoded.h"
#include "engine/kernels/simd_avx512vbmi.h"

namespace slimpilot::avx512vbmi {

const DenseKernels dense_bitmask = {
    .name = "avx512vbmi_bitmask",
    .streaming = true,
    .f32 = kDenseReal<FloatBitmask, FromBitmask>,
};

namespace {

template <template <class> class Sums>
constexpr DenseKernels with_integer_weights(const char* name) {
  return {.name = name,
          .streaming = true,
          .s8 = kDenseS8<IntegerAvx512Vbmi, Sums>,
          .s16 = kDenseS16<IntegerAvx512Vbmi, Sums>,
          .hybrid = kDenseHybrid<IntegerAvx512Vbmi, Sums>,
          .s8_real = kDenseS8Real<IntegerAvx512Vbmi, Sums>};
}

}  // namespace

const DenseKernels dense_slots = with_integer_weights<FromSlots>("avx512vbmi_slots");
const DenseKernels dense_slots_of_four = with_integer_weights<FromSlotsOfFour>("avx512vbmi_slots_of_four");
const DenseKernels dense_codebook = with_integer_weights<FromCodebook>("avx512vbmi_codebook");

}  // namespace slimpilot::avx512vbmi
