// SPDX-License-Identifier: Apache-2.0
// A plan whose kernels were measured on this machine, once per network.
#pragma once

#include "engine/choose_ways.h"
#include "engine/plan.h"

namespace slimpilot {

/// The plan with the fastest way of each step. What was measured is kept in $XDG_CACHE_HOME/slimpilot/ways (else ~/.cache/…), a
/// small file per network, instruction set, processor and build of the program; the oldest of more than 200 go. Several
/// programs may use the folder at once. A file that says something else is measured anew; where the folder cannot be written,
/// each run measures. Results do not depend on any of it.
Plan fastest_plan(const Graph& graph);

/// Measures, on random pixels, whatever the cache says.
std::vector<StepWays> measured_ways(const Graph& graph);

}  // namespace slimpilot
