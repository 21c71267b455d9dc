// SPDX-License-Identifier: Apache-2.0
// Copies with strides; runs of one element are moved as numbers, since a call per byte or float takes several times as long.
#include <cstddef>
#include <cstring>

#include "engine/kernels/copy/copy.h"

namespace slimpilot::reference {
namespace {

/// The last dimension, in elements of `bytes` bytes.
template <size_t bytes>
void copy_elements(const CopyArgs& a, const std::byte* x, std::byte* y) noexcept {
  constexpr int last = kCopyDimensions - 1;
  for (int64_t i = 0; i < a.extent[last]; ++i, x += a.input_stride[last], y += a.output_stride[last]) std::memcpy(y, x, bytes);
}

void copy_runs(const CopyArgs& a, const std::byte* x, std::byte* y) noexcept {
  constexpr int last = kCopyDimensions - 1;
  for (int64_t i = 0; i < a.extent[last]; ++i, x += a.input_stride[last], y += a.output_stride[last])
    std::memcpy(y, x, static_cast<size_t>(a.run_bytes));
}

}  // namespace

void copy(const CopyArgs& a, const Io& io) noexcept {
  const auto row = a.run_bytes == 1   ? copy_elements<1>
                   : a.run_bytes == 2 ? copy_elements<2>
                   : a.run_bytes == 4 ? copy_elements<4>
                                      : copy_runs;
  const auto* x = static_cast<const std::byte*>(io.input[0]);
  auto* y = static_cast<std::byte*>(io.output);
  int64_t index[kCopyDimensions] = {};
  for (int d = 0; d >= 0;) {
    row(a, x, y);
    for (d = kCopyDimensions - 2; d >= 0; --d) {
      x += a.input_stride[d], y += a.output_stride[d];
      if (++index[d] < a.extent[d]) break;
      x -= a.extent[d] * a.input_stride[d], y -= a.extent[d] * a.output_stride[d];
      index[d] = 0;
    }
  }
}

}  // namespace slimpilot::reference
