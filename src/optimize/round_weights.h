// SPDX-License-Identifier: Apache-2.0
// Rounding weights together instead of one by one.
#pragma once

#include <vector>

#include "graph/graph.h"

namespace slimpilot {

/// Rounds the weights (s8 [O][…], scales per output, from `real`) anew so that the layer's results change little on inputs of
/// the given covariance [K][K]: from the first weight to the last, each one's rounding error is spread over those not yet
/// rounded, as second-order pruning does (optimal brain surgeon, Hassibi, Stork 1993; GPTQ, Frantar et al. 2022).
void round_with_feedback(Value& weights, const Value& real, std::vector<double> covariance);

}  // namespace slimpilot
