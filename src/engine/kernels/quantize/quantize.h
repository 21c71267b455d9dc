// SPDX-License-Identifier: Apache-2.0
// Between real numbers and integers. The definitions are those of TensorFlow Lite: round(x / scale) with halves away from
// zero, plus the zero point, limited to the type.
#pragma once

#include "engine/kernels/kernel_args.h"

namespace slimpilot {

struct QuantizeArgs {
  int64_t count;
  float scale;
  int32_t zero_point;
};

/// Integers to integers of another scale: rescale(x − input_zero_point, multiplier, shift) + output_zero_point.
struct RequantizeArgs {
  int64_t count;
  int32_t input_zero_point, output_zero_point, multiplier, shift;
};

struct QuantizeKernels {
  KernelFunction<QuantizeArgs> f32_to_s8, f32_to_s16, s8_to_f32, s16_to_f32;
  KernelFunction<RequantizeArgs> s8_to_s8, s16_to_s16;
};

namespace reference {
extern const QuantizeKernels quantize;
}
namespace avx2 {
extern const QuantizeKernels quantize;  // without the integer-to-integer ones
}
namespace avx512 {
extern const QuantizeKernels quantize;  // without the integer-to-integer ones
}
namespace neon {
extern const QuantizeKernels quantize;  // without the integer-to-integer ones
}

}  // namespace slimpilot
