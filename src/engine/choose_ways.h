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
  std::vector<double> microseconds;  // per way: mean over the inputs of the least of some runs
  size_t best = 0;
};

/// Runs the network with each way of each step that has several, `runs` times on each of `inputs` (bytes of the network's first
/// input; others stay zero), in turns, and tells the fastest. How many activations are zero decides as much as the CPU, so
/// inputs should be such as the network will see. `plan` is any plan of the graph: it knows the ways. The choice changes no
/// result: all ways compute the same numbers.
std::vector<StepWays> measure_ways(const Graph& graph, const Plan& plan, std::span<const std::vector<std::byte>> inputs,
                                   int runs = 4);

/// The best ones, for PlanOptions.
Ways best_ways(const std::vector<StepWays>& measured);

}  // namespace slimpilot
