// SPDX-License-Identifier: Apache-2.0
// Before: any weights.   After: at most k different ones in each output channel, and a promise that it stays so; zeros that
// must stay are one of the k.
// k-means in one dimension (Lloyd 1982) from centroids half way between even spacing and even ranks. A group of sorted numbers
// is an interval, so a round costs k searches and prefix sums. Which centroid a weight gets is chosen with the layer's inputs
// where their covariance is known (round_weights.h); biases take back the mean error.
#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "graph/edit.h"
#include "graph/weights.h"
#include "optimize/correct_bias.h"
#include "optimize/passes.h"
#include "optimize/round_weights.h"

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

double nearest_of(const std::vector<double>& sorted, double x) {
  const auto above = std::lower_bound(sorted.begin(), sorted.end(), x);
  if (above == sorted.begin()) return *above;
  return above == sorted.end() || x - *(above - 1) <= *above - x ? *(above - 1) : *above;
}

/// Each number becomes one of at most `count`; zeros stay, as one of them, if `keep_zeros`.
void cluster_channel(std::span<float> weights, int count, bool keep_zeros, const FeedbackRounding* feedback) {
  std::vector<float> numbers;
  for (const float w : weights)
    if (!keep_zeros || w != 0) numbers.push_back(w);
  if (numbers.empty()) return;
  const bool has_zeros = numbers.size() < weights.size();
  std::vector<double> centroids = k_means(Sorted(std::move(numbers)), static_cast<size_t>(count - has_zeros));
  std::sort(centroids.begin(), centroids.end());
  std::vector<double> reals(weights.begin(), weights.end());
  const auto nearest = [&](size_t i, double w) { return keep_zeros && weights[i] == 0 ? 0 : nearest_of(centroids, w); };
  if (feedback != nullptr)
    feedback->round(reals, nearest);
  else
    for (size_t i = 0; i < reals.size(); ++i) reals[i] = nearest(i, reals[i]);
  for (size_t i = 0; i < reals.size(); ++i) weights[i] = static_cast<float>(reals[i]);
}

/// The convolution or dense layer that alone reads this weight; null when there is none.
Node* sole_layer(Graph& graph, ValueId weight) {
  const std::vector<int> readers = consumers_of(graph, weight);
  if (readers.size() != 1) return nullptr;
  Node& node = graph.nodes[static_cast<size_t>(readers[0])];
  const bool has_bias = std::holds_alternative<Conv2D>(node.op) || std::holds_alternative<Dense>(node.op);
  return has_bias ? &node : nullptr;
}

}  // namespace

Graph cluster(Graph graph, const ClusterCounts& counts, const Calibration& calibration) {
  for (const int count : {counts.convolutions, counts.dense})
    if (count < 2 || count > 256) throw Error("cluster: clusters must be 2 to 256, not " + std::to_string(count));
  for (const ValueId id : weights_of(graph)) {
    const Value before = graph.value(id);
    check(before.type == ElementType::f32);
    const int clusters = before.shape.size() == 2 ? counts.dense : counts.convolutions;
    Node* const layer = sole_layer(graph, id);
    const PatchCovariance* inputs = layer != nullptr ? calibration.covariance(graph.value(layer->output).name) : nullptr;
    std::optional<FeedbackRounding> feedback;
    if (inputs != nullptr) feedback.emplace(inputs->matrix());
    Value& weight = graph.value(id);
    weight.constraint.max_distinct = clusters;
    const auto numbers = weight.elements<float>();
    const size_t channel = numbers.size() / static_cast<size_t>(weight.shape[0]);
    for (size_t first = 0; first < numbers.size(); first += channel)
      cluster_channel(numbers.subspan(first, channel), clusters, weight.constraint.keep_zeros, feedback ? &*feedback : nullptr);
    if (layer == nullptr) continue;
    const Value bias = graph.value(layer->inputs[2]);
    const std::vector<float>& means = calibration.channel_moments(graph.value(layer->inputs[0]).name).mean;
    const auto corrected = corrected_bias(constant_as_floats(bias), before, weight, 0, means);
    layer->inputs[2] = add_constant(graph, bias.name, bias.shape, corrected);
  }
  remove_unused(graph);
  return graph;
}

}  // namespace slimpilot
