// SPDX-License-Identifier: Apache-2.0
// Training as `optimize` needs it: frames to learn from, and what an interrupted run has learned already.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "cli/model_options.h"
#include "cli/variety_options.h"
#include "optimize/recipes.h"
#include "training/train.h"

namespace slimpilot {

struct TuningOptions {
  std::vector<std::string> recordings, recipe;
  std::string effort = "full", recipes;
  VarietyOptions variety;
  uint64_t epoch_frames = 0;
  int threads = 0;

  void declare(Arguments& arguments);
  void check_values() const;
  /// The most epochs of a step.
  int most_epochs() const;
  /// The standard techniques with what --recipes and --recipe change. Throws Error for a file that is no JSON of recipes.
  std::vector<Technique> techniques() const;
};

/// A tuner, and everything that decides what it makes of a recipe, as text.
struct Tuning {
  std::unique_ptr<FineTuner> tuner;
  std::string settings;
};

/// Learns from the frames of `all` that are not `evaluated`, unless --training-data names others. A tenth of them, at the end
/// of each recording, validates. Throws Error when there are too few.
Tuning make_tuning(const TuningOptions& options, const Graph& graph, Dataset all, const std::vector<FrameId>& evaluated,
                   uint64_t seed);

/// Trained beginnings of recipes as .slim files in a folder, so that recipes share them and an interrupted run goes on. What
/// was made with other `settings` is removed.
class StepFiles : public StepCache {
 public:
  StepFiles(std::filesystem::path folder, const std::string& settings);
  bool has(const std::string& steps) const override;
  const Graph* find(const std::string& steps) override;
  void keep(const std::string& steps, const Graph& graph) override;

 private:
  std::filesystem::path file(size_t index) const { return folder_ / (std::to_string(index) + ".slim"); }

  std::filesystem::path folder_;
  std::vector<std::string> known_;  // known_[i] is in i.slim
  std::optional<Graph> found_;
};

}  // namespace slimpilot
