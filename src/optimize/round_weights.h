// SPDX-License-Identifier: Apache-2.0
// Rounding weights together instead of one by one.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "graph/graph.h"

namespace slimpilot {

/// Rounds an output's weights so that its result changes little on inputs of a covariance: from the first weight to the last,
/// each one's rounding error is spread over those not yet rounded, as second-order pruning does (optimal brain surgeon,
/// Hassibi, Stork 1993; GPTQ, Frantar et al. 2022).
class FeedbackRounding {
 public:
  /// Of inputs with this covariance [K][K].
  explicit FeedbackRounding(std::vector<double> covariance);

  /// What the i-th weight becomes when it would best be `w`.
  using Nearest = std::function<double(size_t i, double w)>;
  void round(std::span<double> weights, const Nearest& nearest) const;

 private:
  size_t k_;
  std::vector<double> factor_;  // lower Uᵀ, with U of the inverse covariance UᵀU
};

/// Rounds the weights (s8 [O][…] in [−most, most], scales per output, from `real`) anew, with feedback over inputs of the
/// covariance [K][K].
void round_with_feedback(Value& weights, const Value& real, std::vector<double> covariance, int most = 127);

}  // namespace slimpilot
