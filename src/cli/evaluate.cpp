// SPDX-License-Identifier: Apache-2.0
// slimpilot evaluate: measures models as they are; the first is the reference of the deviations.
#include <fmt/format.h>

#include <filesystem>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/evaluation.h"
#include "cli/fastest_plan.h"
#include "formats/formats.h"
#include "report/table.h"

namespace slimpilot {

void run_evaluate(int argc, char** argv) {
  std::vector<std::string> models;
  std::string json;
  ModelOptions model_options;
  DataOptions data;
  EngineOptions engine;
  Arguments arguments("evaluate", "MSE, MAE, size and latency of models as they are; deviations are from the first one");
  arguments.positional("MODEL", models, "model files");
  arguments.option("--json", json, "also write the results to this file");
  engine.declare_arithmetic(arguments);
  data.declare(arguments);
  model_options.declare(arguments);
  arguments.parse(argc, argv);
  const PlanOptions plan_options = engine.plan_options();

  Graph reference = load_model_for_frames(models[0], model_options);
  std::vector<FrameId> selected;
  Dataset dataset = load_dataset(data, model_options, reference, selected);
  dataset.frames = selected;
  RunResult run{.command = command_text(argc, argv), .model = models[0], .reference = models[0], .frames = dataset.size()};
  const Evaluator evaluator(reference, dataset, plan_options);
  for (const std::string& path : models) {
    const Graph graph = load_model_for_frames(path, model_options);
    run.models.push_back(evaluator.evaluate(path, graph));
    run.models.back().model_path = path;
    run.models.back().command = run.command;
    run.models.back().slim_bytes = to_slim(graph).size();
    std::error_code missing;
    const auto bytes = std::filesystem::file_size(path, missing);
    run.models.back().size_bytes = missing ? 0 : bytes;
  }
  fmt::print("{}", results_table(run));
  if (dataset.columns.size() > 1) fmt::print("\n{}", outputs_table(run));
  if (!json.empty()) write_results(run, json);
}

}  // namespace slimpilot
