// SPDX-License-Identifier: Apache-2.0
// ConvLSTM2D as Keras defines it.
#include <algorithm>
#include <cstring>

#include "engine/kernels/conv_lstm2d/conv_lstm2d.h"

namespace slimpilot::reference {
namespace {

struct Plane {
  const float* data;
  int h, w, c;
};

/// Σ weights · window of `image` whose first cell is (top, left); cells outside are zero. Weights [KH][KW][C].
double window_sum(const Plane& image, const float* weights, int kernel_h, int kernel_w, int top, int left) {
  double sum = 0;
  for (int ky = 0; ky < kernel_h; ++ky)
    for (int kx = 0; kx < kernel_w; ++kx) {
      const int y = top + ky, x = left + kx;
      if (y < 0 || y >= image.h || x < 0 || x >= image.w) continue;
      for (int c = 0; c < image.c; ++c)
        sum += static_cast<double>(image.data[(y * image.w + x) * image.c + c]) * weights[(ky * kernel_w + kx) * image.c + c];
    }
  return sum;
}

/// Gate `gate` (0…3: i, f, c, o) of filter f at (y, x), before its activation.
float gate_sum(const ConvLstm2dArgs& a, const Plane& input, const Plane& hidden, int gate, int f, int y, int x) {
  const int row = gate * a.filters + f;
  const float* kernel = a.kernel + static_cast<ptrdiff_t>(row) * a.kernel_h * a.kernel_w * a.in_c;
  const float* recurrent = a.recurrent + static_cast<ptrdiff_t>(row) * a.recurrent_h * a.recurrent_w * a.filters;
  return static_cast<float>(
      a.bias[row] + window_sum(input, kernel, a.kernel_h, a.kernel_w, y * a.stride_h - a.pad_top, x * a.stride_w - a.pad_left) +
      window_sum(hidden, recurrent, a.recurrent_h, a.recurrent_w, y - (a.recurrent_h - 1) / 2, x - (a.recurrent_w - 1) / 2));
}

}  // namespace

void conv_lstm2d_f32(const ConvLstm2dArgs& a, const Io& io) noexcept {
  const ptrdiff_t state_size = static_cast<ptrdiff_t>(a.out_h) * a.out_w * a.filters;
  auto* hidden = static_cast<float*>(io.scratch);
  float *cell = hidden + state_size, *next = cell + state_size;
  auto* output = static_cast<float*>(io.output);
  if (!a.stateful) std::fill(hidden, next, 0.0f);
  for (int t = 0; t < a.steps; ++t) {
    const Plane input{static_cast<const float*>(io.input[0]) + static_cast<ptrdiff_t>(t) * a.in_h * a.in_w * a.in_c, a.in_h,
                      a.in_w, a.in_c};
    const Plane state{hidden, a.out_h, a.out_w, a.filters};
    for (int y = 0, index = 0; y < a.out_h; ++y)
      for (int x = 0; x < a.out_w; ++x)
        for (int f = 0; f < a.filters; ++f, ++index) {
          const auto gate = [&](int g) { return gate_sum(a, input, state, g, f, y, x); };
          cell[index] = a.recurrent_activation(gate(1)) * cell[index] + a.recurrent_activation(gate(0)) * a.activation(gate(2));
          next[index] = a.recurrent_activation(gate(3)) * a.activation(cell[index]);
        }
    std::memcpy(hidden, next, static_cast<size_t>(state_size) * sizeof(float));
    if (a.return_sequences || t == a.steps - 1) {
      std::memcpy(output, hidden, static_cast<size_t>(state_size) * sizeof(float));
      output += state_size;
    }
  }
}

}  // namespace slimpilot::reference
