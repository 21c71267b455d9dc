// SPDX-License-Identifier: Apache-2.0
// Before: dense weights.   After: the smallest are zero, and a promise says that they stay zero.
// Magnitude pruning (Han et al. 2015), by layer or by one threshold over all layers. Weights that are zero already count, so
// a recipe that prunes more and more while it trains in between follows Zhu and Gupta 2017.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "graph/edit.h"
#include "graph/weights.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

bool feeds_convolution(const Graph& graph, ValueId weight) {
  for (const int node : consumers_of(graph, weight))
    if (!std::holds_alternative<Dense>(graph.nodes[static_cast<size_t>(node)].op)) return true;
  return false;
}

/// The elements of a weight that promises to keep its zeros from now on.
std::span<float> prunable(Value& weight) {
  check(weight.type == ElementType::f32);
  weight.constraint.keep_zeros = true;
  return weight.elements<float>();
}

/// Zeroes the smallest elements of all parts together, so that `share` of them are zero.
void zero_smallest(const std::vector<std::span<float>>& parts, double share) {
  std::vector<float> magnitudes;
  for (const auto part : parts)
    for (const float w : part) magnitudes.push_back(std::abs(w));
  const auto wanted = static_cast<size_t>(std::llround(share * static_cast<double>(magnitudes.size())));
  if (wanted == 0) return;
  std::nth_element(magnitudes.begin(), magnitudes.begin() + static_cast<ptrdiff_t>(wanted - 1), magnitudes.end());
  const float largest = magnitudes[wanted - 1];
  size_t smaller = 0;
  for (const float m : magnitudes) smaller += m < largest;
  size_t ties = wanted - smaller;  // of several with this magnitude only so many
  for (const auto part : parts)
    for (float& w : part)
      if (std::abs(w) < largest || (std::abs(w) == largest && ties > 0 && ties--)) w = 0;
}

void require_share(double share) {
  if (!(share >= 0 && share < 1)) throw Error("prune: a share of " + std::to_string(share) + " is not in 0 … 1 (1 excluded)");
}

}  // namespace

Graph prune(Graph graph, double convolutions, double dense) {
  require_share(convolutions), require_share(dense);
  for (const ValueId id : weights_of(graph)) {
    const bool is_spared = feeds_output(graph, id);
    zero_smallest({prunable(graph.value(id))}, is_spared ? 0 : feeds_convolution(graph, id) ? convolutions : dense);
  }
  return graph;
}

Graph prune_global(Graph graph, double share) {
  require_share(share);
  std::vector<std::span<float>> all;
  for (const ValueId id : weights_of(graph)) all.push_back(prunable(graph.value(id)));
  zero_smallest(all, share);
  return graph;
}

}  // namespace slimpilot
