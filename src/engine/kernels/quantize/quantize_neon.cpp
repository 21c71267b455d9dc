// SPDX-License-Identifier: Apache-2.0
// The generic quantization loops, compiled for this instruction set.
#include "engine/kernels/quantize/quantize_generic.h"

namespace slimpilot::neon {

const QuantizeKernels quantize = {
    .f32_to_s8 = quantize_real<int8_t, -128, 127>,
    .f32_to_s16 = quantize_real<int16_t, -32768, 32767>,
    .s8_to_f32 = dequantize_integer<int8_t>,
    .s16_to_f32 = dequantize_integer<int16_t>,
};

}  // namespace slimpilot::neon
