// SPDX-License-Identifier: Apache-2.0
// Functions of single elements, sums and products of two tensors, per-channel scaling, and copies with edges.
#pragma once

#include "engine/kernels/kernel_args.h"

namespace slimpilot {

/// One input, one output, `count` elements.
struct UnaryArgs {
  int64_t count;
};

/// int8 → int8 by table: table[channel][x + 128], element i being of channel i % channels.
struct LookupArgs {
  int64_t count;
  int channels;
  const int8_t* table;
};

/// int16 sigmoid and tanh of TensorFlow Lite: x·multiplier >> shift is the input in units of 1/12288.
struct Curve16Args {
  int64_t count;
  int32_t multiplier, shift;
};

/// int16 → int16: limit(rescale(x, multiplier, shift), low, high), for clamping activations.
struct Clamp16Args {
  int64_t count;
  int32_t multiplier, shift, low, high;
};

/// max(x, 0) + alpha·min(x, 0).
struct SlopeArgs {
  int64_t count;
  float alpha;
};

/// The same from int16 to int16: rescale(x, …) with one multiplier for x ≥ 0 and another below.
struct Slope16Args {
  int64_t count;
  int32_t multiplier, shift, alpha_multiplier, alpha_shift;
};

/// Each row of `columns` elements by itself.
struct SoftmaxArgs {
  int64_t rows;
  int columns;
};

/// y[i] = a[i] ∘ b[i / b_inner % b_count]. All kernels take b_count = count with b_inner = 1, and b_count = 1; others of
/// b's repetitions the reference alone. Integer sums scale both inputs by (multiplier, shift) after
/// a left shift, integer products only the result (see docs/int8.md).
struct BinaryArgs {
  int64_t count;
  int64_t b_count, b_inner;
  int32_t a_zero_point, b_zero_point, output_zero_point;
  int32_t a_multiplier, a_shift, b_multiplier, b_shift, output_multiplier, output_shift;
  int32_t left_shift, low, high;
};

/// int8, one LSTM step from a zero state: h = o ∘ φ(i ∘ φ(g)), ∘ being the two products and φ the two tables (of 256, as
/// LookupArgs'). The operand is o; i and g lie so many bytes behind it. With `between` > 0 the intermediate φ(g), i ∘ φ(g) and
/// φ of that are also written, each so many bytes behind what was written before, h first.
struct LstmCellArgs {
  const int8_t *candidate_table, *cell_table;
  ptrdiff_t input_gate, candidate, between;
  BinaryArgs cell, hidden;
};

/// A function inside an LSTM: a line limited to [low, high] (identity, ReLU, hard sigmoid, …) or one of the curves of
/// elementwise_generic.h, whose bits are the same on every instruction set.
struct CellFunction {
  enum class Kind : uint8_t { line, elu, tanh, sigmoid } kind;
  float slope, offset, low, high;  // of a line
};

/// f32, one LSTM step: of each pixel `filters` numbers of each of the gates i, f, g and o, in this order, which are input 0
/// plus input 1. The state is the cells c, which become σ(f)·c + σ(i)·φ(g); the result is σ(o)·φ(c). Writes nothing else.
struct LstmStepArgs {
  int pixels, filters;
  CellFunction gate, cell;  // σ and φ
};

/// x·scale[c] + offset[c], c = i % channels. The channels are a multiple of kScaleVector: those of as many pixels as that
/// takes. The last ones may be fewer.
inline constexpr int kScaleVector = 16;
struct ScaleArgs {
  int64_t count;
  int channels;
  const float* scale;
  const float* offset;
};

/// Convolution of each channel by itself; weights [kernel_h][kernel_w][C].
struct DepthwiseArgs {
  int in_h, in_w, channels, out_h, out_w, kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left;
  const void* weights;
  RealResult real;
  IntegerResult integer;
};

/// Copies an image of rows of bytes into another, cropping (negative edges) or filling edges with `fill`.
struct EdgesArgs {
  int in_h, in_w, out_h, out_w;
  int top, left;  // where the input's first pixel lands in the output
  int pixel_bytes;
  int element_bytes;
  int32_t fill;
};

struct ElementwiseKernels {
  KernelFunction<UnaryArgs> relu, relu6, relu_n1_to_1, relu_0_to_1, elu, tanh, sigmoid, hard_sigmoid;  // f32
  KernelFunction<LookupArgs> lookup_s8;
  KernelFunction<Curve16Args> tanh_s16, sigmoid_s16;
  KernelFunction<Clamp16Args> clamp_s16;
  KernelFunction<BinaryArgs> add_f32, add_s8, add_s16, multiply_f32, multiply_s8, multiply_s16;
  KernelFunction<ScaleArgs> scale_f32;
  KernelFunction<DepthwiseArgs> depthwise_f32, depthwise_s8, depthwise_s16;
  KernelFunction<EdgesArgs> edges;
  KernelFunction<LstmCellArgs> lstm_cell_s8;  // null: its parts are computed one by one
  KernelFunction<LstmStepArgs> lstm_step;
  KernelFunction<SlopeArgs> leaky_relu;  // f32
  KernelFunction<Slope16Args> leaky_relu_s16;
  KernelFunction<SoftmaxArgs> softmax;  // f32
};

namespace reference {
extern const ElementwiseKernels elementwise;
/// The real function behind an activation, for kernels and tables.
float relu(float x);
float relu6(float x);
float relu_n1_to_1(float x);
float relu_0_to_1(float x);
float elu(float x);
float tanh(float x);
float sigmoid(float x);
float hard_sigmoid(float x);
}  // namespace reference
// The others have only what they do better; the rest is null.
namespace avx2 {
extern const ElementwiseKernels elementwise;
}
namespace avx512 {
extern const ElementwiseKernels elementwise;
}
namespace avx512vnni {
extern const ElementwiseKernels elementwise;
}
namespace avx512vbmi {
extern const ElementwiseKernels elementwise;
}
namespace neon {
extern const ElementwiseKernels elementwise;
}

}  // namespace slimpilot
