// SPDX-License-Identifier: Apache-2.0
// Which of several kernels is the fastest on this machine, measured on a network as it runs.
#pragma once

#include <span>
#include <vector>

#include "engine/plan.h"

namespace slimpilot {

/// What measuring found of one step.
struct StepWays {
  std::string step;
  std::vector<std::string_view> ways;
  std::vector<double> microseconds;  // least of some runs, per way
  size_t best = 0;
};

/// Runs the network with each way of each step that has several, on `input` (the bytes of its first input; a network with more
/// has them zero), and tells the fastest. `plan` is any plan of the graph: it knows the ways. The choice changes no result: all
/// ways compute the same numbers.
std::vector<StepWays> measure_ways(const Graph& graph, const Plan& plan, std::span<const std::byte> input, int runs = 9);

/// The best ones, for PlanOptions.
Ways best_ways(const std::vector<StepWays>& measured);

}  // namespace slimpilot
