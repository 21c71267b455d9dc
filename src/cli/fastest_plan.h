// SPDX-License-Identifier: Apache-2.0
// A plan whose kernels were measured on this machine, once per network.
#pragma once

#include "data/dataset.h"
#include "engine/choose_ways.h"
#include "engine/plan.h"
#include "host/args.h"

namespace slimpilot {

/// How the user wants the engine to compute.
struct EngineOptions {
  int threads = 1;
  std::string arithmetic = "exact";

  void declare(Arguments& arguments);
  /// For commands that time one thread, or whose --threads is something else.
  void declare_arithmetic(Arguments& arguments);
  /// Throws UsageError where a value cannot be.
  PlanOptions plan_options() const;
};

/// The plan with the fastest way of each step. What was measured is kept in $XDG_CACHE_HOME/slimpilot/ways (else ~/.cache/…), a
/// small file per network, arithmetic, number of threads, instruction set, processor and build of the program; the oldest of
/// more than 200 go. Several programs may use the folder at once. A file that says something else is measured anew; where the
/// folder cannot be written, each run measures. Results do not depend on any of it. Measures on frames of the dataset, or on
/// random pixels where there is none.
Plan fastest_plan(const Graph& graph, const Dataset* dataset = nullptr, const PlanOptions& options = {});

/// Measures, whatever the cache says.
std::vector<StepWays> measured_ways(const Graph& graph, const Dataset* dataset = nullptr, const PlanOptions& options = {});

}  // namespace slimpilot
