// SPDX-License-Identifier: Apache-2.0
// What every layer of a model weighs, how exact it is, and which of them int8 hurts most.
#pragma once

#include <vector>

#include "cli/calibrating.h"
#include "eval/results.h"

namespace slimpilot {

/// One entry per constant of the graph, in the order of the nodes; sqnr_db is missing.
std::vector<LayerResult> layer_results(const Graph& graph);

/// Completes sqnr_db from running both networks on a few of the frames, spread over them.
void add_deviations(std::vector<LayerResult>& layers, const Graph& graph, const Graph& reference, const Dataset& frames);

/// Quantizes each layer alone and everything but it, and compares with float32 on a few hundred of the frames, spread over
/// them.
Sensitivity sensitivity_of(Graph graph, Calibrator& calibrator, const Dataset& frames);

}  // namespace slimpilot
