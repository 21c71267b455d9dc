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

/// The elements of a weight that promises to keep its zeros from now on.
std::span<float> prunable(Value& weight) {
  check(weight.type == ElementType::f32);
  weight.constraint.keep_zeros = true;
  return weight.elements<float>();
}

/// Neighbouring elements, of one row of an output's window or of its inputs, that are zero together.
struct Block {
  std::span<float> elements;
  float magnitude;  // mean

  explicit Block(std::span<float> all) : elements(all) {
    double sum = 0;
    for (const float w : all) sum += std::abs(w);
    magnitude = static_cast<float>(sum / static_cast<double>(all.size()));
  }
};

void append_blocks(std::vector<Block>& blocks, Value& weight, int size) {
  const Shape& shape = weight.shape;
  auto row = static_cast<size_t>(shape.back());
  if (shape.size() == 4) row *= static_cast<size_t>(shape[2]);  // the channels of a window's row lie side by side
  auto left = prunable(weight);
  while (!left.empty())
    for (size_t i = 0; i < row;) {
      const size_t count = std::min(row - i, static_cast<size_t>(size));
      blocks.emplace_back(left.first(count));
      left = left.subspan(count), i += count;
    }
}

/// Zeroes the smallest blocks, so that `share` of them are zero.
void zero_smallest(std::span<const Block> blocks, double share) {
  std::vector<float> magnitudes;
  for (const Block& block : blocks) magnitudes.push_back(block.magnitude);
  const auto wanted = static_cast<size_t>(std::llround(share * static_cast<double>(magnitudes.size())));
  if (wanted == 0) return;
  std::nth_element(magnitudes.begin(), magnitudes.begin() + static_cast<ptrdiff_t>(wanted - 1), magnitudes.end());
  const float largest = magnitudes[wanted - 1];
  size_t smaller = 0;
  for (const float m : magnitudes) smaller += m < largest;
  size_t ties = wanted - smaller;  // of several with this magnitude only so many
  for (const Block& block : blocks)
    if (block.magnitude < largest || (block.magnitude == largest && ties > 0 && ties--))
      std::ranges::fill(block.elements, 0.0f);
}

void require_share(double share) {
  if (!(share >= 0 && share < 1)) throw Error("prune: a share of " + std::to_string(share) + " is not in 0 … 1 (1 excluded)");
}

}  // namespace

Graph prune(Graph graph, const PruneShares& shares, int block) {
  require_share(shares.convolutions), require_share(shares.dense);
  for (const ValueId id : weights_of(graph)) {
    const bool is_spared = feeds_output(graph, id);
    std::vector<Block> blocks;
    append_blocks(blocks, graph.value(id), block);
    zero_smallest(blocks, is_spared ? 0 : feeds_convolution(graph, id) ? shares.convolutions : shares.dense);
  }
  return graph;
}

Graph prune_global(Graph graph, double share, int block) {
  require_share(share);
  std::vector<Block> all;
  for (const ValueId id : weights_of(graph)) append_blocks(all, graph.value(id), block);
  zero_smallest(all, share);
  return graph;
}

}  // namespace slimpilot
