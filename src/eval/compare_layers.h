// SPDX-License-Identifier: Apache-2.0
// How far two networks' layers are apart. Techniques may put the channels of a layer in another order and give each of them a
// factor, and lose nothing by it; so channels are matched first, by what they yield.
#pragma once

#include <string>
#include <vector>

#include "eval/offline.h"

namespace slimpilot {

/// Which channel of a layer is which of the reference's, and by what it has to be multiplied. add() what both yield on a few
/// frames; then match().
class ChannelMatch {
 public:
  static constexpr size_t kMost = 2048;  // channels; more keep their order, as there would be too many pairs

  explicit ChannelMatch(size_t channels);

  /// Numbers of both layers, channels last.
  void add(const std::vector<float>& reference, const std::vector<float>& x);

  /// Pairs channels by how much they are alike, Σ r·x / √(Σ r² Σ x²), the most alike first; each factor is Σ r·x / Σ x².
  void match();

  /// x as it would be in the reference's order and size.
  void apply(const std::vector<float>& x, std::vector<float>& matched) const;

  bool reordered() const;  // channels that are not always zero are elsewhere
  bool scaled() const;     // one of them by more than 5 %

 private:
  double product(size_t reference, size_t x) const { return products_[ordered_ ? reference * channels_ + x : reference]; }

  size_t channels_;
  bool ordered_;                                    // all pairs are looked at
  std::vector<double> products_, references_, xs_;  // Σ r·x of pairs, Σ r² and Σ x² of channels
  std::vector<size_t> partner_;                     // of each channel of the reference
  std::vector<double> factor_;                      // of its partner
};

/// Deviation of one layer's result over all frames, with matched channels.
struct LayerDeviation {
  std::string name;
  Deviation deviation;
  bool reordered = false, scaled = false;
};

/// Runs both networks on every frame, twice, and compares the results of all layers that have the same name and shape, in
/// order.
std::vector<LayerDeviation> compare_layers(const Graph& graph, const Graph& reference, const Dataset& dataset,
                                           const ProgressOutput& output);

}  // namespace slimpilot
