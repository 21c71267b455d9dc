// SPDX-License-Identifier: Apache-2.0
// Keeps a weight's promise by its gradient alone: what must stay zero gets none, what must stay equal gets the same. Adam then
// moves zeros nowhere and equal weights alike, to the last bit, so nothing has to be repaired after a step.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graph/graph.h"

namespace slimpilot {

class GradientRule {
 public:
  GradientRule() = default;  // no promise

  /// Of the weight's constraint and its elements as they are: keep_zeros holds those that are zero; with max_distinct, equal
  /// elements stay equal (graph/weights.h says which are). Throws Error when there are more different ones already.
  explicit GradientRule(const Value& weight);

  bool is_free() const { return group_.empty(); }

  /// Zeroes and averages; Han et al. 2016 sum instead, and Adam does not tell the difference.
  void apply(std::span<float> gradient) const;

 private:
  std::vector<int32_t> group_;  // per element; −1: stays zero
  std::vector<float> share_;    // 1 / members of each group; empty: elements are free
};

}  // namespace slimpilot
