// SPDX-License-Identifier: Apache-2.0
// Max and average pooling, NHWC, batch 1. Integers keep their quantization; averages count the cells inside the image and
// round halves away from zero.
#pragma once

#include "engine/kernels/kernel_args.h"

namespace slimpilot {

struct PoolArgs {
  int in_h, in_w, channels, out_h, out_w;
  int window_h, window_w, stride_h, stride_w, pad_top, pad_left;
};

struct PoolKernels {
  KernelFunction<PoolArgs> max_f32, max_s8, max_s16, average_f32, average_s8, average_s16;
};

namespace reference {
extern const PoolKernels pool;
}

}  // namespace slimpilot
