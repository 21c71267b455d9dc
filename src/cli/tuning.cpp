// SPDX-License-Identifier: Apache-2.0
#include "cli/tuning.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "data/recording.h"
#include "host/atomic_file.h"

namespace slimpilot {
namespace {

constexpr size_t kFewestFrames = 40;

/// The last tenth of each recording validates: neighbouring frames are nearly the same, so they are not mixed.
TrainData split(const Dataset& frames) {
  TrainData data{frames, frames};
  data.training.frames.clear(), data.validation.frames.clear();
  for (size_t first = 0; first < frames.size();) {
    size_t last = first;
    while (last < frames.size() && frames.frames[last].recording == frames.frames[first].recording) ++last;
    const size_t border = last - (last - first) / 10;
    for (size_t i = first; i < last; ++i) (i < border ? data.training : data.validation).frames.push_back(frames.frames[i]);
    first = last;
  }
  return data;
}

/// {"name": "recipe", …}
void read_recipes(std::vector<Technique>& techniques, const std::filesystem::path& file) {
  nlohmann::ordered_json json;
  try {
    json = nlohmann::ordered_json::parse(read_file(file));
  } catch (const nlohmann::json::exception& e) {
    throw Error(file.string() + ": is no JSON (" + e.what() + ")");
  }
  if (!json.is_object()) throw Error(file.string() + R"(: must be an object like {"pqat": "prune sparsity=0.7 | tune epochs=3"})");
  for (const auto& [name, recipe] : json.items()) {
    const auto fail = [&](const std::string& what) { throw Error(file.string() + ": " + name + ": " + what); };
    if (name.empty() || name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos)
      fail("a name has lower-case letters, digits and '_', as it names files too");
    if (!recipe.is_string()) fail("must be a text of passes, \"prune | tune\"");
    std::vector<RecipeStep> steps;
    try {
      steps = parse_recipe(recipe.get<std::string>());
    } catch (const Error& e) {
      fail(e.what());
    }
    const auto known = std::ranges::find(techniques, name, &Technique::name);
    if (known != techniques.end())
      known->steps = std::move(steps);
    else
      techniques.push_back({name, "from " + file.string(), std::move(steps)});
  }
}

}  // namespace

void TuningOptions::declare(Arguments& arguments) {
  arguments.option_list("--training-data", recordings,
                        "recordings that techniques learn from; without, the frames of --data that --frames leaves out");
  arguments.option("--effort", effort, "full, or quick: at most 1 epoch of 2000 frames per step of a recipe");
  arguments.option("--recipes", recipes, "a JSON file that changes or adds techniques: {\"pqat\": \"prune sparsity=0.7 | tune\"}");
  arguments.option("--threads", threads, "that train (0: all cores)");
}

void TuningOptions::check_values() const {
  if (effort != "quick" && effort != "full") throw UsageError("--effort is quick or full, not '" + effort + "'");
  if (threads < 0 || threads > 1024) throw UsageError("--threads must be 0 to 1024");
}

int TuningOptions::most_epochs() const { return effort == "quick" ? 1 : 1000; }

std::vector<Technique> TuningOptions::techniques() const {
  std::vector<Technique> all = standard_techniques();
  if (!recipes.empty()) read_recipes(all, recipes);
  return all;
}

std::unique_ptr<FineTuner> make_tuner(const TuningOptions& options, const Graph& graph, const Dataset& spare, uint64_t seed) {
  Dataset frames = spare;
  if (!options.recordings.empty()) {
    frames.recordings = load_recordings(options.recordings, false);
    frames.frames = all_frames(frames.recordings);
  }
  if (frames.size() < kFewestFrames)
    throw Error(fmt::format("there are {} frames to learn from; name recordings with --training-data, or leave frames of --data "
                            "out of the evaluation with --frames, as in --frames 0::3", frames.size()));
  const TrainOptions train{.seed = seed,
                           .epoch_frames = options.effort == "quick" ? uint64_t{2000} : uint64_t{14000},
                           .threads = options.threads};
  return make_fine_tuner(graph, split(frames), train, {progress_output(), {}});
}

}  // namespace slimpilot
