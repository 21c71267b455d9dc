// SPDX-License-Identifier: Apache-2.0
// Weights of integers with zero points → weights without, which the engine computes with. Nothing is rounded.
#pragma once

#include <cstddef>
#include <functional>

#include "graph/graph.h"

namespace slimpilot {

/// `value`, u8, as s8: its integers and zero points less 128, which are the same real numbers. Throws Error for zero points
/// outside the type.
void make_signed(Value& value);

/// A layer that computes the same numbers from its input repeated `parts` times along the last dimension.
struct SymmetricLayer {
  Op op;
  Value weights;  // s8, −127 … 127, zero points 0
  int parts = 1;
};

/// For a Conv2D, DepthwiseConv2D or Dense with s8 weights that have zero points, per tensor or per output: w − z where these
/// lie within ±127, else two or three weights of which they are the sum; a DepthwiseConv2D then becomes a Conv2D with zeros
/// between channels. `take` is told how many bytes are about to be allocated, and throws if these are too many. Throws Error
/// for zero points outside the type.
SymmetricLayer symmetric_layer(const Op& op, const Value& weights, const std::function<void(size_t)>& take);

}  // namespace slimpilot
