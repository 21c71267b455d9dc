// SPDX-License-Identifier: Apache-2.0
// Bilinear resize as it is defined.
#include "engine/kernels/preprocess/resize.h"

namespace slimpilot::reference {

void resize_row(const ResizeRowArgs& a, const Io& io) noexcept {
  const auto* above = static_cast<const uint8_t*>(io.input[0]);
  const auto* below = static_cast<const uint8_t*>(io.input[1]);
  auto* y = static_cast<uint8_t*>(io.output);
  const auto column = [&](int i) { return above[i] * (kResizeOne - a.below_weight) + below[i] * a.below_weight; };
  for (int i = 0; i < a.outputs; ++i) {
    const int32_t sum = column(a.left[i]) * (kResizeOne - a.right_weight[i]) + column(a.right[i]) * a.right_weight[i];
    y[i] = static_cast<uint8_t>((sum + kResizeOne * kResizeOne / 2) / (kResizeOne * kResizeOne));
  }
}

}  // namespace slimpilot::reference
