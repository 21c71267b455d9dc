// SPDX-License-Identifier: Apache-2.0
// Before: a ReLU layer whose channels differ in size.   After: w'_c = s_c·w_c, b'_c = s_c·b_c, and what reads channel c divides
// by s_c. All channels of a layer share one integer scale, so the small ones of unequal channels get few steps. ReLU commutes
// with positive factors, so channels can be made alike without changing a result (cross-layer equalization; Nagel et al. 2019,
// with observed activations in place of weights: s_c = (r_max / r_c)^½, r being the root mean square; Xiao et al. 2023).
#include <algorithm>
#include <cmath>

#include "graph/edit.h"
#include "optimize/channel_readers.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

constexpr double kPower = 0.5, kMost = 32;

bool commutes(ActivationKind kind) { return kind == ActivationKind::none || kind == ActivationKind::relu; }

/// ReLU by itself, or nothing: what lets a factor through.
bool lets_factors_through(const Graph& graph, const ChannelReaders& readers) {
  return std::ranges::all_of(readers.between, [&](int index) {
    const Op& op = graph.nodes[static_cast<size_t>(index)].op;
    const auto* activation = std::get_if<Activation>(&op);
    return activation != nullptr ? commutes(activation->kind) : !std::holds_alternative<DepthwiseConv2D>(op);
  });
}

std::vector<float> factors_of(const ChannelMoments& moments) {
  std::vector<double> sizes;
  for (size_t c = 0; c < moments.mean.size(); ++c)
    sizes.push_back(std::sqrt(static_cast<double>(moments.mean[c]) * moments.mean[c] + moments.variance[c]));
  const double largest = *std::max_element(sizes.begin(), sizes.end());
  std::vector<float> factors;
  for (const double size : sizes)
    factors.push_back(size > 0 ? static_cast<float>(std::min(std::pow(largest / size, kPower), kMost)) : 1);
  return factors;
}

/// value[…, i, …] *= factor of channel i (along `axis`, where channels may repeat).
void scale(Value& value, size_t axis, const std::vector<float>& factors, bool divide) {
  size_t inner = 1;
  for (size_t d = axis + 1; d < value.shape.size(); ++d) inner *= static_cast<size_t>(value.shape[d]);
  const auto numbers = value.elements<float>();
  for (size_t i = 0; i < numbers.size(); ++i) {
    const float factor = factors[i / inner % static_cast<size_t>(value.shape[axis]) % factors.size()];
    numbers[i] = divide ? numbers[i] / factor : numbers[i] * factor;
  }
}

}  // namespace

Graph equalize_channels(Graph graph, const Calibration& calibration) {
  for (const Node& node : graph.nodes) {
    const auto* conv = std::get_if<Conv2D>(&node.op);
    const auto* dense = std::get_if<Dense>(&node.op);
    if (conv == nullptr && dense == nullptr) continue;
    const auto readers = channel_readers(graph, node.output);
    if (!readers || !commutes(conv ? conv->activation : dense->activation) || !lets_factors_through(graph, *readers)) continue;
    const std::vector<float> factors = factors_of(calibration.channel_moments(graph.value(node.output).name));
    scale(graph.value(node.inputs[1]), 0, factors, false);
    scale(graph.value(node.inputs[2]), 0, factors, false);
    for (const ChannelReaders::Weight& weight : readers->weights) scale(graph.value(weight.value), weight.axis, factors, true);
  }
  return graph;
}

}  // namespace slimpilot
