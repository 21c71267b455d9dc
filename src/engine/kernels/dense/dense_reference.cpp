// SPDX-License-Identifier: Apache-2.0
// Dense layers as they are defined: the specification that every other dense kernel is tested against. A dense layer is a
// convolution over a 1×1 image, so the definition stands once, in conv2d.
#include "engine/kernels/conv2d/conv2d.h"
#include "engine/kernels/dense/dense.h"

namespace slimpilot::reference {
namespace {

/// One row at a time as a 1×1 image; In and Out are the element types of input and output.
template <class In, class Out>
void dense_rows(const DenseArgs& a, const Io& io, KernelFunction<Conv2dArgs> convolution) noexcept {
  const Conv2dArgs row{.in_h = 1,
                       .in_w = 1,
                       .in_c = a.inputs,
                       .out_h = 1,
                       .out_w = 1,
                       .out_c = a.outputs,
                       .kernel_h = 1,
                       .kernel_w = 1,
                       .stride_h = 1,
                       .stride_w = 1,
                       .pad_top = 0,
                       .pad_bottom = 0,
                       .pad_left = 0,
                       .pad_right = 0,
                       .weights = a.weights,
                       .real = a.real,
                       .integer = a.integer};
  for (int i = 0; i < a.rows; ++i) {
    const auto* input = static_cast<const In*>(io.input[0]) + static_cast<ptrdiff_t>(i) * a.inputs;
    auto* output = static_cast<Out*>(io.output) + static_cast<ptrdiff_t>(i) * a.outputs;
    convolution(row, {.input = {input, nullptr}, .output = output, .scratch = io.scratch});
  }
}

constexpr PackedLayout kPlain{.lanes = 1, .max_block = 1, .group = 1};

void dense_f32(const DenseArgs& a, const Io& io) noexcept { dense_rows<float, float>(a, io, conv2d.f32.run); }
void dense_bf16(const DenseArgs& a, const Io& io) noexcept { dense_rows<float, float>(a, io, conv2d.bf16.run); }
void dense_f16(const DenseArgs& a, const Io& io) noexcept { dense_rows<float, float>(a, io, conv2d_f16); }
void dense_s8(const DenseArgs& a, const Io& io) noexcept { dense_rows<int8_t, int8_t>(a, io, conv2d.s8.run); }
void dense_s16(const DenseArgs& a, const Io& io) noexcept { dense_rows<int16_t, int16_t>(a, io, conv2d.s16.run); }
void dense_hybrid(const DenseArgs& a, const Io& io) noexcept { dense_rows<float, float>(a, io, conv2d.hybrid.run); }
void dense_s8_real(const DenseArgs& a, const Io& io) noexcept { dense_rows<int8_t, float>(a, io, conv2d.s8_real.run); }

}  // namespace

const DenseKernels dense = {
    .name = "reference",
    .f32 = {kPlain, dense_f32},
    .f16 = {kPlain, dense_f16},
    .bf16 = {kPlain, dense_bf16},
    .s8 = {kPlain, dense_s8},
    .s16 = {kPlain, dense_s16},
    .hybrid = {kPlain, dense_hybrid},
    .s8_real = {kPlain, dense_s8_real},
};

}  // namespace slimpilot::reference
