// SPDX-License-Identifier: Apache-2.0
#include "cli/fastest_plan.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/hash.h"
#include "cli/model_options.h"
#include "host/atomic_file.h"
#include "host/machine.h"

namespace slimpilot {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostFiles = 200;

fs::path cache_folder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return fs::path(value == nullptr ? "" : value);
  };
  const fs::path cache = variable("XDG_CACHE_HOME"), home = variable("HOME");
  if (cache.is_absolute()) return cache / "slimpilot" / "ways";
  return home.is_absolute() ? home / ".cache" / "slimpilot" / "ways" : fs::path();
}

fs::path file_of(const fs::path& folder, const Graph& graph, const PlanOptions& options) {
  Hash hash;
  hash.add(std::to_string(hash_of(graph)));
  hash.add(std::string(isa_name(options.isa)));
  hash.add(std::string(arithmetic_name(options.arithmetic)));
  hash.add(cpu_name());
  hash.add(std::to_string(options.threads.count));
  hash.add(program_text());
  return folder / (std::to_string(hash.value()) + ".json");
}

/// Nothing when there is no such file, it is not of this network, or it does not name every choice.
std::optional<Plan> cached_plan(const Graph& graph, const fs::path& file, PlanOptions options) {
  try {
    options.ways = nlohmann::json::parse(read_file(file)).get<Ways>();
    Plan plan(graph, options);
    const auto is_open = [&](const Step& step) { return step.ways.size() > 1 && !options.ways.contains(step.name); };
    if (std::ranges::any_of(plan.steps(), is_open)) return std::nullopt;
    return plan;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

void remove_oldest(const fs::path& folder) {
  std::vector<std::pair<fs::file_time_type, fs::path>> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.emplace_back(entry.last_write_time(), entry.path());
  std::ranges::sort(files);
  for (size_t i = 0; i + kMostFiles < files.size(); ++i) fs::remove(files[i].second);
}

/// A cache that cannot be written costs time, nothing else.
void keep(const Ways& ways, const fs::path& file) {
  try {
    fs::create_directories(file.parent_path());
    const std::string text = nlohmann::json(ways).dump(1) + "\n";
    write_file_atomically(file, std::as_bytes(std::span(text)), Durability::cache);
    remove_oldest(file.parent_path());
  } catch (const std::exception&) {
  }
}

}  // namespace

void EngineOptions::declare(Arguments& arguments) {
  arguments.option("--threads", threads, "how many threads compute a frame; they change no result");
  declare_arithmetic(arguments);
}

void EngineOptions::declare_arithmetic(Arguments& arguments) {
  arguments.option("--arithmetic", arithmetic,
                   "exact, or reduced: layers with real weights multiply bfloat16, which is faster");
}

PlanOptions EngineOptions::plan_options() const {
  if (threads < 1 || threads > kMostThreads) throw UsageError("--threads must be 1 to " + std::to_string(kMostThreads));
  for (const Arithmetic a : {Arithmetic::exact, Arithmetic::reduced})
    if (arithmetic == arithmetic_name(a)) return {.arithmetic = a, .threads = {.count = threads}};
  throw UsageError("--arithmetic " + arithmetic + " is none of exact or reduced");
}

std::vector<StepWays> measured_ways(const Graph& graph, const Dataset* dataset, const PlanOptions& options) {
  constexpr size_t kInputs = 8;
  const Plan plan(graph, options);
  const auto inputs = timing_inputs(plan, graph.preprocessing, dataset);
  return measure_ways(graph, plan, std::span(inputs).first(kInputs));
}

Plan fastest_plan(const Graph& graph, const Dataset* dataset, const PlanOptions& options) {
  const fs::path folder = cache_folder();
  const fs::path file = folder.empty() ? fs::path() : file_of(folder, graph, options);
  if (!file.empty())
    if (std::optional<Plan> plan = cached_plan(graph, file, options)) return std::move(*plan);
  PlanOptions best = options;
  best.ways = best_ways(measured_ways(graph, dataset, options));
  if (!file.empty()) keep(best.ways, file);
  return Plan(graph, best);
}

}  // namespace slimpilot
