// SPDX-License-Identifier: Apache-2.0
// What the epochs so far say about the next one. Pure functions of the history, so a checkpoint needs no more than that.
#pragma once

#include <vector>

#include "training/train.h"

namespace slimpilot {

/// Whether the rate depends on how many epochs there will be.
bool falls_along_cosine(Schedule schedule);

/// The learning rate of epoch history.size() + 1, of which the share `done` (0 … 1) is behind. A cosine falls with every batch,
/// so that even one epoch ends with small steps.
double next_learning_rate(const TrainOptions& options, const std::vector<EpochResult>& history, double done = 0);

/// Whether all epochs are done, or the last `patience` of them brought no better validation loss.
bool is_finished(const TrainOptions& options, const std::vector<EpochResult>& history);

}  // namespace slimpilot
