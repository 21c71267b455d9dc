// SPDX-License-Identifier: Apache-2.0
// What the epochs so far say about the next one. Pure functions of the history, so a checkpoint needs no more than that.
#pragma once

#include <vector>

#include "training/train.h"

namespace slimpilot {

/// The learning rate of epoch history.size() + 1.
double next_learning_rate(const TrainOptions& options, const std::vector<EpochResult>& history);

/// Whether all epochs are done, or the last `patience` of them brought no better validation loss.
bool is_finished(const TrainOptions& options, const std::vector<EpochResult>& history);

}  // namespace slimpilot
