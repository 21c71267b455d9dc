// SPDX-License-Identifier: Apache-2.0
#include "training/gradient_rule.h"

#include <string>

#include "base/error.h"
#include "graph/weights.h"

namespace slimpilot {

GradientRule::GradientRule(const Value& weight) {
  const Constraint& promise = weight.constraint;
  if (!promise.keep_zeros && promise.max_distinct == 0) return;
  EqualGroups equal = equal_groups(weight);
  group_ = std::move(equal.group);
  if (promise.max_distinct == 0) return;
  if (equal.most_distinct > promise.max_distinct)
    throw Error("weight '" + weight.name + "' has " + std::to_string(equal.most_distinct) +
                " different values instead of at most " + std::to_string(promise.max_distinct));
  if (!promise.keep_zeros)  // zeros are one more group; where channels have scales of their own, they share one step
    for (int32_t& g : group_) g = g < 0 ? equal.count : g;
  std::vector<size_t> members(static_cast<size_t>(equal.count) + 1);
  for (const int32_t g : group_)
    if (g >= 0) ++members[static_cast<size_t>(g)];
  for (const size_t n : members) share_.push_back(n > 0 ? 1 / static_cast<float>(n) : 0);
}

void GradientRule::apply(std::span<float> gradient) const {
  if (share_.empty()) {
    for (size_t i = 0; i < group_.size(); ++i)
      if (group_[i] < 0) gradient[i] = 0;
    return;
  }
  std::vector<double> sums(share_.size());
  for (size_t i = 0; i < group_.size(); ++i)
    if (group_[i] >= 0) sums[static_cast<size_t>(group_[i])] += gradient[i];
  std::vector<float> mean(share_.size());
  for (size_t g = 0; g < mean.size(); ++g) mean[g] = static_cast<float>(sums[g]) * share_[g];
  for (size_t i = 0; i < group_.size(); ++i) gradient[i] = group_[i] < 0 ? 0 : mean[static_cast<size_t>(group_[i])];
}

}  // namespace slimpilot
