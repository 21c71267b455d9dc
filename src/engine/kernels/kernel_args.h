// SPDX-License-Identifier: Apache-2.0
// What kernels get. Plain data only: files compiled for one instruction set include this and nothing from the standard
// library, so that no inline function built with AVX-512 flags can end up in baseline code.
#pragma once

#include <cstddef>
#include <cstdint>

namespace slimpilot {

/// The buffers of one step. Every buffer is 64-byte aligned and may be read up to 64 bytes past its end. `state` is for what
/// passes from one step of a sequence to the next.
struct Io {
  const void* input[2];
  void* output;
  void* scratch;
  void* state;
};

/// How the weights of a layout are written, once they are in their order.
/// plain: one after the other.
/// bitmask: a bit for each, lowest first, that says whether it is other than zero; at the next multiple of 64 bytes those that
///   are.
/// slots: those other than zero (int8 only), each with the place of its input. In a block of `lanes` outputs a vector gives
/// each
///   output `group` slots, which hold the next weights of that output whose inputs are among the kSlotWindow from the vector's
///   first on, or 0. uint32: per block the number of its first vector, and at the end that of all; at the next multiple of 64
///   bytes the first input of each vector; at the next one per vector the places (bytes), then the weights.
/// slots_of_four: the same of groups of four weights side by side that are not all zero: one slot for each output, and one
/// place. marked: a bit for each four bytes that says whether one is other than zero; at the next multiple of 64 bytes all
/// weights. codebook: per output a table of 16 int8; then 4 bits for each weight, the first half of a group in the low bits of
/// its bytes.
enum class WeightStorage : uint8_t { plain, bitmask, marked, slots, slots_of_four, codebook };
inline constexpr int kSlotWindow = 128;

/// How a kernel wants weights [O][rows][K] laid out: outputs in blocks of at most `max_block`, the last one rounded up to
/// `lanes`; in a block, per row and per `group` of consecutive k, the group of each output: [block][row][K/group][O][group].
/// Missing outputs and k are zero. With lanes = max_block = group = 1 this is the plain array.
/// `balanced`: with as few blocks as there can be, they are as alike as they can be (balanced_block).
struct PackedLayout {
  int lanes, max_block, group;
  WeightStorage storage = WeightStorage::plain;
  bool balanced = false;
};

/// How many of the vectors that are left the next block has, if none has more than `most`.
constexpr int balanced_block(int left, int most) {
  const int blocks = (left + most - 1) / most;
  return (left + blocks - 1) / blocks;
}

/// Arrays of per-output parameters are padded to this multiple, so that vectors may be read whole.
inline constexpr int kChannelPadding = 64;

/// Result in real numbers: (sum + bias), limited to [low, high]. In hybrid kernels (int8 weights, inputs quantized on the
/// fly) the integer sum is first multiplied by (input scale · weight_scale[o]) or, with `input_scale_last` (convolutions), by
/// weight_scale[o] and then by the input scale; in s8_real ones by weight_scale[o].
struct RealResult {
  const float* bias;
  const float* weight_scale;
  float low, high;
  bool input_scale_last;
};

/// What a hybrid sum is multiplied by: (sum · (first · weight_scale[o])) · last, one of both the input's scale, the other 1.
struct HybridScales {
  float first, last;
};
constexpr HybridScales hybrid_scales(const RealResult& r, float input_scale) {
  return r.input_scale_last ? HybridScales{1, input_scale} : HybridScales{input_scale, 1};
}

/// Result in integers as docs/int8.md defines it: limit(rescale(sum + bias, multiplier, shift) + output_zero_point).
/// `weight_sum[o]` is the sum of the output's weights, for kernels whose inputs carry an offset. int16 activations have
/// a 64-bit bias. With `rounds_once` (dense layers) it is rescale_once; without, int16 uses 16 bits of the multiplier.
/// `short_rescale` (conv2d only): the limits of all sums and the shifts allow a shorter way to the same numbers
/// (fits_short_rescale).
struct IntegerResult {
  const int32_t* bias;
  const int64_t* bias64;
  const int32_t* multiplier;
  const int32_t* shift;
  const int32_t* weight_sum;
  int32_t input_zero_point, output_zero_point;
  int32_t low, high;
  bool rounds_once;
  bool short_rescale;
  const int32_t *zero_points, *lows, *highs;  // of the results, per output: several layers may be computed at once
};

/// weights: [O][kernel_h][kernel_w · C]. A `pad` is what `same` adds before and after; zero for `valid`. The outputs are those
/// of out_c / tensor_c layers that read the same image, each with a tensor of its own, `tensor_stride` numbers behind the one
/// before; more than one only for kernels with `several`, and only multiples of 8 outputs.
struct Conv2dArgs {
  int in_h, in_w, in_c, out_h, out_w, out_c;
  int kernel_h, kernel_w, stride_h, stride_w;
  int pad_top, pad_bottom, pad_left, pad_right;
  int tensor_c;
  ptrdiff_t tensor_stride;
  const void* weights;
  RealResult real;
  IntegerResult integer;
};

/// y[row] = W·x[row]; weights: [O][1][inputs].
struct DenseArgs {
  int rows, inputs, outputs;
  const void* weights;
  RealResult real;
  IntegerResult integer;
};

template <class Args>
using KernelFunction = void (*)(const Args&, const Io&) noexcept;

/// A kernel with its arguments.
template <class Args>
struct Call {
  KernelFunction<Args> kernel;
  Args args;
};

/// A kernel that multiplies with packed weights. `issued` counts the multiply-adds that its instructions do, padding included;
/// null: those of whole groups and vectors, as the layout says.
template <class Args>
struct PackedKernel {
  PackedLayout layout;
  KernelFunction<Args> run;
  int64_t (*issued)(const Args&) noexcept = nullptr;
};

/// One way to compute an op, by the types of activations and weights: f32 (f32, f32), f16 (f32, f16), bf16 (f32 rounded on the
/// fly, bfloat16), s8 (s8, s8), s16 (s16, s8), hybrid (f32 quantized on the fly to 8 bits, s8), s8_real (as s8, but the integer
/// sum with its bias becomes an f32 result). A variant whose `run` is null is left to others. All ways compute the same
/// numbers, real ones too: each output is one sum, in the order of its inputs; bf16: of two inputs of a pair the second one
/// first (docs/reduced.md).
template <class Args>
struct PackedKernels {
  const char* name;        // "avx2", …; unique among those of an op
  bool streaming = false;  // made for weights that do not stay in the cache
  bool several = false;    // computes several layers at once
  PackedKernel<Args> f32, f16, bf16, s8, s16, hybrid, s8_real;
};

}  // namespace slimpilot
