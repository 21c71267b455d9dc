// SPDX-License-Identifier: Apache-2.0
// Keras' LSTM and ConvLSTM2D on a sequence, made of other kernels: one layer makes gates of the inputs, another one in each
// step of the hidden state, and lstm_step (elementwise.h) a new state of their sum. All arithmetic is theirs; this is their
// order.
#pragma once

#include <variant>

#include "engine/kernels/elementwise/elementwise.h"
#include "engine/kernels/quantize/quantize.h"

namespace slimpilot {

/// Its results are real, whatever it reads.
using GateLayer = std::variant<Call<Conv2dArgs>, Call<DenseArgs>>;

/// Memory that passes from step to step; all zeros before the first one, which is h = c = 0: integers have the zero point 0.
/// [cells: f32][hidden: in the type of the result], each in whole cache lines.
///
/// Scratch: [gates of the inputs of steps_at_once][gates of a hidden state][hidden: f32][scratch of the layers]. A number's
/// place is its offset in bytes.
struct RecurrentArgs {
  int steps, steps_at_once;  // of so many steps one call of `input` makes the gates
  bool return_sequences;     // all steps are results, not only the last one
  bool stateful;             // the state begins as the run before has left it
  const GateLayer *input, *recurrent;
  Call<LstmStepArgs> step;
  Call<QuantizeArgs> quantize;                   // of hidden states; kernel is null where they are real
  size_t input_bytes, hidden_bytes, gate_bytes;  // of one step
  size_t hidden_offset, state_bytes;             // in the state; of it
  size_t recurrent_gates, real_hidden, layer_scratch;
};

namespace reference {
void recurrent(const RecurrentArgs& a, const Io& io) noexcept;
}

}  // namespace slimpilot
