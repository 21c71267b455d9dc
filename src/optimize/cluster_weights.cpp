// SPDX-License-Identifier: Apache-2.0
// Before: any weights.   After: at most k different ones in each output channel, and a promise that it stays so; zeros that
// must stay are one of the k.
// k-means in one dimension (Lloyd 1982) from centroids half way between even spacing and even ranks. A group of sorted numbers
// is an interval, so a round costs k searches and prefix sums.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "graph/weights.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

constexpr int kRounds = 200;

/// Numbers in order, with sums from the start.
struct Sorted {
  std::vector<float> numbers;
  std::vector<double> sums{0};

  explicit Sorted(std::vector<float> unsorted) : numbers(std::move(unsorted)) {
    std::sort(numbers.begin(), numbers.end());
    for (const float x : numbers) sums.push_back(sums.back() + x);
  }
  double mean(size_t first, size_t last) const { return (sums[last] - sums[first]) / static_cast<double>(last - first); }
};

/// Between the extremes, half by even spacing, half by rank.
std::vector<double> first_centroids(const Sorted& sorted, size_t count) {
  std::vector<double> centroids;
  const double low = sorted.numbers.front(), high = sorted.numbers.back();
  for (size_t c = 0; c < count; ++c) {
    const double share = (static_cast<double>(c) + 0.5) / static_cast<double>(count);
    const auto rank = static_cast<size_t>(share * static_cast<double>(sorted.numbers.size()));
    centroids.push_back((low + share * (high - low) + sorted.numbers[std::min(rank, sorted.numbers.size() - 1)]) / 2);
  }
  return centroids;
}

std::vector<double> k_means(const Sorted& sorted, size_t count) {
  std::vector<double> centroids = first_centroids(sorted, count);
  for (int round = 0; round < kRounds; ++round) {
    bool moved = false;
    size_t first = 0;
    for (size_t c = 0; c < count; ++c) {
      const auto end = c + 1 == count ? sorted.numbers.end()
                                      : std::lower_bound(sorted.numbers.begin(), sorted.numbers.end(),
                                                         static_cast<float>((centroids[c] + centroids[c + 1]) / 2));
      const auto last = static_cast<size_t>(end - sorted.numbers.begin());
      if (last > first) {
        const double mean = sorted.mean(first, last);
        moved |= mean != centroids[c];
        centroids[c] = mean;
        first = last;
      }
    }
    if (!moved) break;
  }
  return centroids;
}

/// Each number becomes the nearest of at most `count`; zeros stay, as one of them, if `keep_zeros`.
void cluster_channel(std::span<float> weights, int count, bool keep_zeros) {
  std::vector<float> numbers;
  for (const float w : weights)
    if (!keep_zeros || w != 0) numbers.push_back(w);
  if (numbers.empty()) return;
  const bool has_zeros = numbers.size() < weights.size();
  std::vector<double> centroids = k_means(Sorted(std::move(numbers)), static_cast<size_t>(count - has_zeros));
  std::sort(centroids.begin(), centroids.end());
  for (float& w : weights) {
    if (keep_zeros && w == 0) continue;
    const auto above = std::lower_bound(centroids.begin(), centroids.end(), static_cast<double>(w));
    const auto below = above == centroids.begin() ? above : above - 1;
    const auto nearest = above == centroids.end() || w - *below <= *above - w ? below : above;
    w = static_cast<float>(*nearest);
  }
}

}  // namespace

Graph cluster(Graph graph, int clusters) {
  if (clusters < 2 || clusters > 256) throw Error("cluster: clusters must be 2 to 256, not " + std::to_string(clusters));
  for (const ValueId id : weights_of(graph)) {
    Value& weight = graph.value(id);
    check(weight.type == ElementType::f32);
    weight.constraint.max_distinct = clusters;
    const auto numbers = weight.elements<float>();
    const size_t channel = numbers.size() / static_cast<size_t>(weight.shape[0]);
    for (size_t first = 0; first < numbers.size(); first += channel)
      cluster_channel(numbers.subspan(first, channel), clusters, weight.constraint.keep_zeros);
  }
  return graph;
}

}  // namespace slimpilot
