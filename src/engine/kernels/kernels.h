// SPDX-License-Identifier: Apache-2.0
// All dispatch: one table of kernels per instruction set. Plans take function pointers from here once; nothing else chooses.
#pragma once

#include <vector>

#include "engine/cpu.h"
#include "engine/kernels/conv2d/conv2d.h"
#include "engine/kernels/dense/dense.h"
#include "engine/kernels/elementwise/elementwise.h"
#include "engine/kernels/limits/limits.h"
#include "engine/kernels/pool/pool.h"
#include "engine/kernels/preprocess/preprocess.h"
#include "engine/kernels/quantize/quantize.h"

namespace slimpilot {

struct KernelTable {
  /// Where there are several ways to do a step, from what older CPUs have to what this one has; a plan measures them.
  std::vector<const Conv2dKernels*> conv2d;
  std::vector<const DenseKernels*> dense;
  PoolKernels pool;
  ElementwiseKernels elementwise;
  QuantizeKernels quantize;
  PreprocessKernels preprocess;
  LimitLoops limits;
};

/// The kernels of a supported instruction set.
const KernelTable& kernels(Isa isa);

/// Whether it computes with bfloat16 (docs/reduced.md).
bool has_reduced_arithmetic(Isa isa);

}  // namespace slimpilot
