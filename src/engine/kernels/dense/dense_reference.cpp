// SPDX-License-Identifier: Apache-2.0
// Dense layers as they are defined: the specification that every other dense kernel is tested against. A dense layer is a
// convolution over a 1×1 image, so the definition stands once, in conv2d.
#include "engine/kernels/conv2d/conv2d.h"
#include "engine/kernels/dense/dense.h"

namespace slimpilot::reference {
namespace {

/// One row at a time as a 1×1 image; In and Out are the element types of input and output.
template <PackedKernel<Conv2dArgs> Conv2dKernels::*kernel, class In, class Out>
void dense_rows(const DenseArgs& a, const Io& io) noexcept {
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
    (conv2d.*kernel).run(row, {.input = {input, nullptr}, .output = output, .scratch = io.scratch});
  }
}

constexpr PackedLayout kPlain{.lanes = 1, .max_block = 1, .group = 1};

}  // namespace

const DenseKernels dense = {
    .name = "reference",
    .f32 = {kPlain, dense_rows<&Conv2dKernels::f32, float, float>},
    .f16 = {kPlain, dense_rows<&Conv2dKernels::f16, float, float>},
    .s8 = {kPlain, dense_rows<&Conv2dKernels::s8, int8_t, int8_t>},
    .s16 = {kPlain, dense_rows<&Conv2dKernels::s16, int16_t, int16_t>},
    .hybrid = {kPlain, dense_rows<&Conv2dKernels::hybrid, float, float>},
};

}  // namespace slimpilot::reference
