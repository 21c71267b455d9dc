// SPDX-License-Identifier: Apache-2.0
#include "cli/tuning.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.h"
#include "data/recording.h"
#include "formats/formats.h"
#include "host/atomic_file.h"
#include "host/machine.h"
#include "training/settings.h"

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

/// Changes the technique of this name or adds one. `source` is where it was read, for messages.
void set_recipe(std::vector<Technique>& techniques, const std::string& name, const std::string& recipe,
                const std::string& source) {
  const std::string place = source + ": " + name + ": ";
  if (name.empty() || name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos)
    throw Error(place + "a name has lower-case letters, digits and '_', as it names files too");
  std::vector<RecipeStep> steps;
  try {
    steps = parse_recipe(recipe);
  } catch (const Error& e) {
    throw Error(place + e.what());
  }
  const auto known = std::ranges::find(techniques, name, &Technique::name);
  if (known != techniques.end())
    known->steps = std::move(steps);
  else
    techniques.push_back({name, "from " + source, std::move(steps)});
}

/// {"name": "recipe", …}
void read_recipes(std::vector<Technique>& techniques, const std::filesystem::path& file) {
  nlohmann::ordered_json json;
  try {
    json = nlohmann::ordered_json::parse(read_file(file));
  } catch (const nlohmann::json::exception& e) {
    throw Error(file.string() + ": is no JSON (" + e.what() + ")");
  }
  if (!json.is_object())
    throw Error(file.string() + R"(: must be an object like {"pqat": "prune sparsity=0.7 | tune epochs=3"})");
  for (const auto& item : json.items()) {
    if (!item.value().is_string())
      throw Error(file.string() + ": " + item.key() + ": must be a text of passes, \"prune | tune\"");
    set_recipe(techniques, item.key(), item.value().get<std::string>(), file.string());
  }
}

/// On stderr, beside the progress.
void print_epoch(const EpochResult& e) {
  fmt::print(stderr, "epoch {}: train loss {:.6f}, validation loss {:.6f}, {:.0f} images/s{}\n", e.epoch, e.train_loss,
             e.validation_loss, e.images_per_s, e.is_best ? ", best" : "");
}

}  // namespace

void TuningOptions::declare(Arguments& arguments) {
  arguments.option_list("--training-data", recordings,
                        "recordings that techniques learn from; without, the frames of --data that --frames leaves out");
  arguments.option("--effort", effort, "full, or quick: at most 1 epoch of 2000 frames per step of a recipe");
  arguments.option("--epoch-frames", epoch_frames, "frames that an epoch shows (0: 14000, with --effort quick 2000)");
  variety.declare(arguments);
  arguments.option("--recipes", recipes,
                   "a JSON file that changes or adds techniques: {\"pqat\": \"prune sparsity=0.7 | tune\"}");
  arguments.option("--recipe", recipe, "one of them: --recipe \"pqat=prune sparsity=0.7 | tune\"");
  arguments.option("--threads", threads, "that train (0: all cores)");
}

void TuningOptions::check_values() const {
  if (effort != "quick" && effort != "full") throw UsageError("--effort is quick or full, not '" + effort + "'");
  variety.check_values();
  if (threads < 0 || threads > 1024) throw UsageError("--threads must be 0 to 1024");
}

int TuningOptions::most_epochs() const { return effort == "quick" ? 1 : 1000; }

std::vector<Technique> TuningOptions::techniques() const {
  std::vector<Technique> all = standard_techniques();
  if (!recipes.empty()) read_recipes(all, recipes);
  for (const std::string& text : recipe) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) throw UsageError("--recipe is NAME=RECIPE, not '" + text + "'");
    set_recipe(all, text.substr(0, equals), text.substr(equals + 1), "--recipe");
  }
  return all;
}

Tuning make_tuning(const TuningOptions& options, const Graph& graph, Dataset all, const std::vector<FrameId>& evaluated,
                   uint64_t seed) {
  if (options.recordings.empty()) {
    all.frames = without(all.frames, evaluated);
  } else {
    all.recordings = load_recordings(options.recordings, false);
    all.frames = all_frames(all.recordings);
  }
  if (all.size() < kFewestFrames)
    throw Error(
        fmt::format("there are {} frames to learn from; name recordings with --training-data, or leave frames of --data "
                    "out of the evaluation with --frames, as in --frames 0::3",
                    all.size()));
  const bool quick = options.effort == "quick";
  TrainOptions train{.schedule = Schedule::warm_cosine,
                     .seed = seed,
                     .epoch_frames = options.epoch_frames > 0 ? options.epoch_frames : uint64_t{quick ? 2000u : 14000u},
                     .threads = options.threads};
  options.variety.apply(train);
  TrainData data = split(all);
  std::string settings =
      settings_text(graph, data, train, options.threads) + "effort: " + options.effort + "\nprogram: " + program_text() + "\n";
  return {make_fine_tuner(graph, std::move(data), train, {progress_output(), print_epoch}), std::move(settings)};
}

StepFiles::StepFiles(std::filesystem::path folder, const std::string& settings) : folder_(std::move(folder)) {
  const auto settings_file = folder_ / "settings.txt", index = folder_ / "recipes.txt";
  std::error_code failure;
  std::filesystem::create_directories(folder_, failure);
  if (failure) throw Error(folder_.string() + ": cannot be made: " + failure.message());
  remove_torn_files(folder_);
  if (std::filesystem::exists(index)) {
    std::istringstream lines(read_file(index));
    for (std::string line; std::getline(lines, line);) known_.push_back(line);
  }
  if (std::filesystem::exists(settings_file) && read_file(settings_file) == settings) return;
  for (size_t i = 0; i < known_.size(); ++i) std::filesystem::remove(file(i), failure);  // nothing but what is in the index
  known_.clear();
  std::filesystem::remove(index, failure);
  write_file_atomically(settings_file, settings);
}

bool StepFiles::has(const std::string& steps) const { return std::ranges::find(known_, steps) != known_.end(); }

const Graph* StepFiles::find(const std::string& steps) {
  const auto known = std::ranges::find(known_, steps);
  if (known == known_.end()) return nullptr;
  return &found_.emplace(read_model(file(static_cast<size_t>(known - known_.begin()))));
}

void StepFiles::keep(const std::string& steps, const Graph& graph) {
  write_model(graph, file(known_.size()));
  known_.push_back(steps);
  std::string index;
  for (const std::string& line : known_) index += line + "\n";
  write_file_atomically(folder_ / "recipes.txt", index);
}

}  // namespace slimpilot
