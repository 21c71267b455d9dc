// SPDX-License-Identifier: Apache-2.0
// The generic resize, compiled for this instruction set.
#include "engine/kernels/preprocess/resize_generic.h"

namespace slimpilot::neon {

void resize_row(const ResizeRowArgs& a, const Io& io) noexcept { resize_row_in_two_passes(a, io); }

}  // namespace slimpilot::neon
