// SPDX-License-Identifier: Apache-2.0
// Before: dense weights.   After: the smallest are zero, and a promise says that they stay zero.
// Magnitude pruning (Han et al. 2015), by layer or by one threshold over all layers, one by one or in blocks. Weights that are
// zero already count, so a recipe that prunes more and more while it trains in between follows Zhu and Gupta 2017.
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

/// A weight that promises to keep its zeros from now on, in rows whose elements lie side by side in a window or among the
/// inputs.
struct Prunable {
  std::span<float> elements;
  size_t row;

  explicit Prunable(Value& weight) : elements(weight.elements<float>()), row(static_cast<size_t>(weight.shape.back())) {
    check(weight.type == ElementType::f32);
    if (weight.shape.size() == 4) row *= static_cast<size_t>(weight.shape[2]);  // the channels of a window's row
    weight.constraint.keep_zeros = true;
  }
  /// f(block) for runs of `size` elements; a row's last one may be shorter.
  template <class F>
  void for_each_block(size_t size, const F& f) const {
    for (size_t first = 0; first < elements.size(); first += row)
      for (size_t i = 0; i < row; i += size) f(elements.subspan(first + i, std::min(size, row - i)));
  }
};

float mean_magnitude(std::span<const float> block) {
  double sum = 0;
  for (const float w : block) sum += std::abs(w);
  return static_cast<float>(sum / static_cast<double>(block.size()));
}

/// Zeroes the smallest blocks of all weights together, so that `share` of them are zero.
void zero_smallest(std::span<const Prunable> weights, double share, int block) {
  check(block >= 1);
  const auto size = static_cast<size_t>(block);
  std::vector<float> magnitudes;
  for (const Prunable& weight : weights)
    weight.for_each_block(size, [&](std::span<const float> one) { magnitudes.push_back(mean_magnitude(one)); });
  const auto wanted = static_cast<size_t>(std::llround(share * static_cast<double>(magnitudes.size())));
  if (wanted == 0) return;
  std::nth_element(magnitudes.begin(), magnitudes.begin() + static_cast<ptrdiff_t>(wanted - 1), magnitudes.end());
  const float largest = magnitudes[wanted - 1];
  size_t smaller = 0;
  for (const float m : magnitudes) smaller += m < largest;
  size_t ties = wanted - smaller;  // of several with this magnitude only so many
  for (const Prunable& weight : weights)
    weight.for_each_block(size, [&](std::span<float> one) {
      const float m = mean_magnitude(one);
      if (m < largest || (m == largest && ties > 0 && ties--)) std::ranges::fill(one, 0.0f);
    });
}

void require_share(double share) {
  if (!(share >= 0 && share < 1)) throw Error("prune: a share of " + std::to_string(share) + " is not in 0 … 1 (1 excluded)");
}

}  // namespace

Graph prune(Graph graph, const PruneShares& shares, int block) {
  require_share(shares.convolutions), require_share(shares.dense);
  for (const ValueId id : weights_of(graph)) {
    const bool is_spared = feeds_output(graph, id);
    const Prunable weight(graph.value(id));
    zero_smallest({&weight, 1}, is_spared ? 0 : feeds_convolution(graph, id) ? shares.convolutions : shares.dense, block);
  }
  return graph;
}

Graph prune_global(Graph graph, double share, int block) {
  require_share(share);
  std::vector<Prunable> all;
  for (const ValueId id : weights_of(graph)) all.emplace_back(graph.value(id));
  zero_smallest(all, share, block);
  return graph;
}

}  // namespace slimpilot
