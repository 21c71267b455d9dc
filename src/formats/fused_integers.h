// SPDX-License-Identifier: Apache-2.0
// ONNX says "integer layer" as Dequantize, a layer of real numbers, Quantize. Here the three become one.
#pragma once

#include <cstddef>
#include <functional>

#include "graph/graph.h"

namespace slimpilot {

/// Makes a node compute in integers when all it reads is dequantized and only a Quantize reads its result; what merely moves
/// elements works on integers where its input is dequantized and something behind it computes in integers. Layers with int8
/// weights that remain between real numbers are dynamic range; constants of other nodes that remain become real. Weights with
/// zero points become such without (symmetric_weights.h); `take` is told of their bytes and may throw. Throws Error naming the
/// layer for biases beyond their type.
void fuse_integers(Graph& graph, const std::function<void(size_t)>& take);

}  // namespace slimpilot
