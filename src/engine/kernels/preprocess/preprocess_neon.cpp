// SPDX-License-Identifier: Apache-2.0
// The generic loops, compiled for this instruction set.
#include "engine/kernels/preprocess/preprocess_generic.h"

namespace slimpilot::neon {

const PreprocessKernels preprocess = {slimpilot::resize_row, slimpilot::normalize_row};

}  // namespace slimpilot::neon
