// SPDX-License-Identifier: Apache-2.0
// A quantized graph computed by the engine's own kernels, for a whole batch: what training sees is what will run, to the last
// bit. Gradients are torch_graph's affair.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "graph/graph.h"

namespace slimpilot {

/// The result of every node for each of `images` [N,H,W,C] (as the network's input wants them, in real numbers), integers
/// dequantized: [N, …], by value id; undefined for values that no step computes.
std::vector<at::Tensor> integer_forward(const Graph& graph, const at::Tensor& images);

/// The real numbers that a quantized input stands for: rounded and limited as the engine does.
at::Tensor as_quantized(const at::Tensor& x, const Value& value);

/// One number per index of the dimension that the value's scales run along, shaped to multiply a tensor of the value's shape.
at::Tensor along_scales(const Value& value, const at::Tensor& numbers);
/// The value's scales in that shape.
at::Tensor scale_tensor(const Value& value);

/// The least and the greatest real number that an integer value can hold.
struct RealRange {
  double low, high;
};
RealRange real_range(const Value& value);

}  // namespace slimpilot
