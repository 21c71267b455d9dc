// SPDX-License-Identifier: Apache-2.0
// Pooling as it is defined. Channels run innermost, so the compiler vectorizes it.
#include <algorithm>

#include "engine/kernels/pool/pool.h"

namespace slimpilot::reference {
namespace {

/// Calls row(first input element, cells) for each row of the window at (oy, ox) that lies inside the image.
template <class F>
void for_each_window_row(const PoolArgs& a, int oy, int ox, F&& row) {
  const int top = oy * a.stride_h - a.pad_top, left = ox * a.stride_w - a.pad_left;
  const int first = std::max(left, 0), last = std::min(left + a.window_w, a.in_w);
  for (int y = std::max(top, 0); y < std::min(top + a.window_h, a.in_h); ++y)
    row((y * a.in_w + first) * a.channels, last - first);
}

template <class T>
void max_pool(const PoolArgs& a, const Io& io) noexcept {
  const auto* x = static_cast<const T*>(io.input[0]);
  auto* y = static_cast<T*>(io.output);
  for (int oy = 0; oy < a.out_h; ++oy)
    for (int ox = 0; ox < a.out_w; ++ox, y += a.channels) {
      bool first = true;
      for_each_window_row(a, oy, ox, [&](int start, int cells) {
        for (int cell = 0; cell < cells; ++cell, start += a.channels) {
          if (first)
            std::copy_n(x + start, a.channels, y);
          else
            for (int c = 0; c < a.channels; ++c) y[c] = y[c] < x[start + c] ? x[start + c] : y[c];
          first = false;
        }
      });
    }
}

float rounded_average(double sum, int count, float) { return static_cast<float>(sum / count); }
template <class Integer>
Integer rounded_average(int32_t sum, int count, Integer) {
  return static_cast<Integer>(sum > 0 ? (sum + count / 2) / count : (sum - count / 2) / count);
}

template <class T, class Sum>
void average_pool(const PoolArgs& a, const Io& io) noexcept {
  const auto* x = static_cast<const T*>(io.input[0]);
  auto* y = static_cast<T*>(io.output);
  for (int oy = 0; oy < a.out_h; ++oy)
    for (int ox = 0; ox < a.out_w; ++ox)
      for (int c = 0; c < a.channels; ++c) {
        Sum sum = 0;
        int count = 0;
        for_each_window_row(a, oy, ox, [&](int start, int cells) {
          for (int cell = 0; cell < cells; ++cell) sum += x[start + cell * a.channels + c];
          count += cells;
        });
        *y++ = rounded_average(sum, count, T{});
      }
}

}  // namespace

const PoolKernels pool = {
    .max_f32 = max_pool<float>,
    .max_s8 = max_pool<int8_t>,
    .max_s16 = max_pool<int16_t>,
    .average_f32 = average_pool<float, double>,
    .average_s8 = average_pool<int8_t, int32_t>,
    .average_s16 = average_pool<int16_t, int32_t>,
};

}  // namespace slimpilot::reference
