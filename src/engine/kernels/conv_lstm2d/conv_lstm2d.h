// SPDX-License-Identifier: Apache-2.0
// Keras' ConvLSTM2D on a whole sequence, in real numbers: the definition. An LSTM is one of images of one pixel. Layers that
// run one step from a zero state are lowered to convolutions before they are deployed (optimize/remove_dead.cpp), which this
// kernel checks.
#pragma once

#include "engine/kernels/kernel_args.h"

namespace slimpilot {

/// kernel [4F][KH][KW][C] with stride and padding; recurrent [4F][RH][RW][F], `same`; gates i, f, c, o:
/// h = σ(o)·φ(c'), c' = σ(f)·c + σ(i)·φ(g). φ and σ are real functions. Stateful: h and c begin as scratch holds them, else as
/// 0.
struct ConvLstm2dArgs {
  int steps, in_h, in_w, in_c, out_h, out_w, filters;
  int kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left;
  int recurrent_h, recurrent_w;
  bool return_sequences, stateful;
  const float* kernel;
  const float* recurrent;
  const float* bias;
  float (*activation)(float);
  float (*recurrent_activation)(float);
};

/// Scratch: hidden state, cell state, and the hidden state's successor.
inline size_t conv_lstm2d_scratch_bytes(const ConvLstm2dArgs& a) {
  return 3 * sizeof(float) * static_cast<size_t>(a.out_h) * static_cast<size_t>(a.out_w) * static_cast<size_t>(a.filters);
}

namespace reference {
void conv_lstm2d_f32(const ConvLstm2dArgs& a, const Io& io) noexcept;
}

}  // namespace slimpilot
