// SPDX-License-Identifier: Apache-2.0
// Everything that decides the result of a training run, as text that two runs can be compared by.
#pragma once

#include <string>

#include "training/train.h"

namespace slimpilot {

/// The number of frames and a hash of their file names and labels: a recording that was moved is the same one.
std::string dataset_text(const Dataset& dataset);

/// One "name: value" per line. The number of epochs counts only where it changes the learning rates.
std::string settings_text(const Graph& graph, const TrainData& data, const TrainOptions& options, int threads);

}  // namespace slimpilot
