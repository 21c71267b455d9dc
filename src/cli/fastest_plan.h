// SPDX-License-Identifier: Apache-2.0
// A plan whose kernels were measured on this machine, once per network.
#pragma once

#include "data/dataset.h"
#include "engine/choose_ways.h"
#include "engine/plan.h"
#include "host/args.h"

namespace slimpilot {

/// The plan with the fastest way of each step. What was measured is kept in $XDG_CACHE_HOME/slimpilot/ways (else ~/.cache/…), a
/// small file per network, number of threads, instruction set, processor and build of the program; the oldest of more than 200
/// go. Several programs may use the folder at once. A file that says something else is measured anew; where the folder cannot
/// be written, each run measures. Results do not depend on any of it. Measures on frames of the dataset, or on random pixels
/// where there is none.
Plan fastest_plan(const Graph& graph, const Dataset* dataset = nullptr, int threads = 1);

/// Measures, whatever the cache says.
std::vector<StepWays> measured_ways(const Graph& graph, const Dataset* dataset = nullptr, int threads = 1);

/// The option --threads, and UsageError where it cannot be.
void declare_threads(Arguments& arguments, int& threads);
void check_threads(int threads);

}  // namespace slimpilot
