// SPDX-License-Identifier: Apache-2.0
// Resize and normalization as they are defined.
#include "engine/kernels/preprocess/preprocess.h"

namespace slimpilot::reference {
namespace {

void resize_row(const ResizeRowArgs& a, const Io& io) noexcept {
  const auto* above = static_cast<const uint8_t*>(io.input[0]);
  const auto* below = static_cast<const uint8_t*>(io.input[1]);
  auto* y = static_cast<uint8_t*>(io.output);
  const auto column = [&](int i) { return above[i] * (kResizeOne - a.below_weight) + below[i] * a.below_weight; };
  for (int i = 0; i < a.count; ++i) {
    const int left = a.left[i];
    const int32_t sum = column(left) * (kResizeOne - a.right_weight[i]) + column(left + a.next) * a.right_weight[i];
    y[i] = static_cast<uint8_t>((sum + kResizeOne * kResizeOne / 2) / (kResizeOne * kResizeOne));
  }
}

void normalize_row(const NormalizeRowArgs& a, const Io& io) noexcept {
  const auto* x = static_cast<const uint8_t*>(io.input[0]);
  auto* y = static_cast<float*>(io.output);
  for (int i = 0; i < a.count; ++i) y[i] = static_cast<float>(x[i]) * a.scale[i] + a.offset[i];
}

}  // namespace

const PreprocessKernels preprocess = {resize_row, normalize_row};

}  // namespace slimpilot::reference
