// SPDX-License-Identifier: Apache-2.0
// Takes the mean error of rounded weights out of a layer's results.
#pragma once

#include <vector>

#include "graph/graph.h"

namespace slimpilot {

/// `bias` less what rounding the weights adds to the layer's mean result: Σ (rounded − real)·E[x], given the mean of each input
/// channel (index of the weights' last dimension). `axis`: the weights' output dimension (bias correction; Nagel et al. 2019).
std::vector<float> corrected_bias(std::vector<float> bias, const Value& real, const Value& rounded, int axis,
                                  const std::vector<float>& input_means);

/// Takes `error`, the mean error of each element of the result, out of the biases of the dense layers that yield it (measured
/// instead of derived: what activations in between add is in it). Outputs that no dense layer yields stay as they are.
void correct_result(Graph& quantized, const std::vector<double>& error);

}  // namespace slimpilot
