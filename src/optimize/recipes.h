// SPDX-License-Identifier: Apache-2.0
// Techniques: what a user can name. Each is a recipe, passes in a row, written as
//   prune sparsity=0.5 | tune epochs=3 | quantize_integer
// so that a table, a JSON file and a report can hold it. All start from the same simplified float graph, and recipes that begin
// alike share the work.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "optimize/pass.h"

namespace slimpilot {

/// One pass with its settings; `settings` is complete.
struct RecipeStep {
  const Pass* pass;
  Settings settings;
};

/// "prune sparsity=0.5", with the settings that differ from the pass's own; in a form of its own for each different step.
std::string to_text(const RecipeStep& step);
std::string to_text(std::span<const RecipeStep> steps);

/// The steps of a recipe's text. Throws Error that names what is unknown and what there is instead.
std::vector<RecipeStep> parse_recipe(const std::string& text);

struct Technique {
  std::string name, summary;
  std::vector<RecipeStep> steps;
  Needs needs() const;
};

/// All passes that recipes can name.
std::span<const Pass> passes();

/// All techniques in the order of the report.
std::vector<Technique> standard_techniques();

/// Means all techniques that do not train.
inline constexpr std::string_view kPostTraining = "post_training";

/// The named ones in the report's order, all for "all", or those of kPostTraining. Throws Error with the known names for an
/// unknown one.
std::vector<Technique> find_techniques(const std::vector<Technique>& techniques, const std::vector<std::string>& names);

/// Keeps what training made of beginnings that recipes share.
class StepCache {
 public:
  virtual ~StepCache() = default;
  virtual bool has(const std::string& steps) const = 0;
  virtual const Graph* find(const std::string& steps) = 0;
  virtual void keep(const std::string& steps, const Graph& graph) = 0;
};

/// Epochs that each of the techniques trains, run one after the other with a cache that holds `cached` already: what another
/// one has trained before counts for nothing. `most_epochs`: of each step.
std::vector<int> training_epochs(const std::vector<Technique>& techniques, int most_epochs, StepCache* cached);

/// Runs the steps one after the other from context.original, from the longest beginning that `cache` (null: none) has; verifies
/// each result.
Graph run_recipe(std::span<const RecipeStep> steps, const PassContext& context, StepCache* cache = nullptr);

}  // namespace slimpilot
