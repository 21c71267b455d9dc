// SPDX-License-Identifier: Apache-2.0
// Which frames an epoch shows, how often and in what order. Everything follows from (seed, epoch), so a resumed run goes on as
// the uninterrupted one would have.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "data/dataset.h"

namespace slimpilot {

/// A frame as it is shown once: `frame` is its index in the dataset.
struct Sample {
  uint32_t frame;
  bool mirrored;
  bool operator==(const Sample&) const = default;
};

/// The label that says how sharply the car turns, with a sign for the side: w (rad/s) or steering, steer, angle (−1…1).
/// Nothing when the columns have none.
std::optional<size_t> turning_column(const std::vector<LabelColumn>& columns);

/// How often a frame with this label is shown, so that bends weigh as much as the straights that fill most of a drive:
/// |w| in rad/s ≥ 4: 50, 3: 35, 2: 25, 1: 15, .5: 5, .3: 2, else once; −1…1 counts as −7.1…7.1 rad/s.
int balanced_repeats(const std::string& column, float label);

struct SampleOptions {
  bool mirror = false, balance = false;
};

/// Every frame as often as the options want it. Throws Error when they need a turning column and there is none.
std::vector<Sample> make_samples(const Dataset& dataset, const SampleOptions& options);

/// The first `count` (0: all) of the samples in the epoch's order.
std::vector<Sample> epoch_samples(std::vector<Sample> samples, size_t count, uint64_t seed, int epoch);

/// Scaled labels of a frame as shown; mirrored ones have the turning label's sign changed in its own unit.
std::vector<float> sample_labels(const Dataset& dataset, const Sample& sample);

}  // namespace slimpilot
