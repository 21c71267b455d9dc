// SPDX-License-Identifier: Apache-2.0
// Files of TensorFlow 1's quantization-aware training: uint8 activations and weights, with zero points, per tensor. What they
// say becomes int8 with symmetric weights, from which the engine computes the integers of LiteRT's uint8 kernels, less 128.
#pragma once

#include <string>
#include <vector>

#include "formats/tflite_read_ops.h"

namespace slimpilot {

/// For a layer (Conv2D, DepthwiseConv2D or Dense) of the file's uint8 tensors with `inputs` images or rows, weights and bias,
/// and the result `output`: replaces the inputs by such with symmetric weights, and appends what that needs to the graph.
/// symmetric_weights.h says how, and how the op changes. LiteRT multiplies the scales of uint8 convolutions in
/// float32, of int8 ones in double; so their scales are chosen with which the multipliers are the same, and the input is
/// requantized to its own, which leaves its integers as they are. Throws Error naming the weights where there are none.
void make_symmetric(TfliteReading& reading, Op& op, std::vector<ValueId>& inputs, ValueId output);

/// Throws Error naming the result where an average of uint8 may lie halfway between two integers: uint8 rounds it up, int8 away
/// from zero, which is another number.
void check_unsigned_average(const Pool2D& pool, const Shape& images, const std::string& name);

}  // namespace slimpilot
