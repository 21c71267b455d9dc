// SPDX-License-Identifier: Apache-2.0
// Training as `optimize` needs it: frames to learn from, and what an interrupted run has learned already.
#pragma once

#include <filesystem>
#include <memory>

#include "cli/model_options.h"
#include "optimize/recipes.h"
#include "training/train.h"

namespace slimpilot {

struct TuningOptions {
  std::vector<std::string> recordings;
  std::string effort = "full", recipes;
  int threads = 0;

  void declare(Arguments& arguments);
  void check_values() const;
  /// The most epochs of a step.
  int most_epochs() const;
  /// The standard techniques with what --recipes changes. Throws Error for a file that is no JSON of recipes.
  std::vector<Technique> techniques() const;
};

/// `spare`: frames of the evaluated recordings that are not evaluated; what is learned from unless --training-data names others.
/// A tenth of them, at the end of each recording, validates. Throws Error when there are too few.
std::unique_ptr<FineTuner> make_tuner(const TuningOptions& options, const Graph& graph, const Dataset& spare, uint64_t seed);

}  // namespace slimpilot
