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

const DenseKernels dense_slots = {
    .name = "avx512vbmi_slots",
    .streaming = true,
    .s8 = kDenseS8<IntegerAvx512Vbmi, FromSlots>,
    .s16 = kDenseS16<IntegerAvx512Vbmi, FromSlots>,
    .hybrid = kDenseHybrid<IntegerAvx512Vbmi, FromSlots>,
    .s8_real = kDenseS8Real<IntegerAvx512Vbmi, FromSlots>,
};

const DenseKernels dense_slots_of_four = {
    .name = "avx512vbmi_slots_of_four",
    .streaming = true,
    .s8 = kDenseS8<IntegerAvx512Vbmi, FromSlotsOfFour>,
    .s16 = kDenseS16<IntegerAvx512Vbmi, FromSlotsOfFour>,
    .hybrid = kDenseHybrid<IntegerAvx512Vbmi, FromSlotsOfFour>,
    .s8_real = kDenseS8Real<IntegerAvx512Vbmi, FromSlotsOfFour>,
};

const DenseKernels dense_codebook = {
    .name = "avx512vbmi_codebook",
    .streaming = true,
    .s8 = kDenseS8<IntegerAvx512Vbmi, FromCodebook>,
    .s16 = kDenseS16<IntegerAvx512Vbmi, FromCodebook>,
    .hybrid = kDenseHybrid<IntegerAvx512Vbmi, FromCodebook>,
    .s8_real = kDenseS8Real<IntegerAvx512Vbmi, FromCodebook>,
};

}  // namespace slimpilot::avx512vbmi
