// SPDX-License-Identifier: Apache-2.0
// slimpilot sensitivity: which layer int8 hurts most. Every layer is quantized alone, and everything but it.
#include <fmt/format.h>

#include <set>

#include "base/error.h"
#include "cli/calibrating.h"
#include "cli/commands.h"
#include "eval/offline.h"
#include "optimize/passes.h"
#include "report/table.h"

namespace slimpilot {
namespace {

std::set<std::string> names_of(const Graph& graph) {
  std::set<std::string> names;
  for (const Node& node : graph.nodes) names.insert(node.name);
  return names;
}

}  // namespace

void run_sensitivity(int argc, char** argv) {
  std::string model;
  CalibratingOptions calibrating;
  ModelOptions options;
  DataOptions data;
  Arguments arguments("sensitivity", "which layer int8 hurts most: each quantized alone, and all but it");
  arguments.positional("MODEL", model, "a float32 model");
  calibrating.declare(arguments);
  data.declare(arguments);
  options.declare(arguments);
  arguments.parse(argc, argv);
  calibrating.check_values();

  Graph graph = simplify(load_model(model, options));
  std::vector<FrameId> selected;
  const Dataset all = load_dataset(data, options, graph, selected);
  const SplitFrames frames = split_frames(calibrating, graph, all, selected);
  Calibrator calibrator(calibrating, graph, frames.calibration);
  graph = equalize_channels(graph, calibrator(graph));
  const Predictions expected = predict(Plan(graph), graph.preprocessing, frames.evaluated, "float32", progress_output());
  const auto sqnr_db = [&](const std::set<std::string>& real, const std::string& title) {
    const Graph integer = quantize_integer(graph, calibrator(graph), {.real_nodes = real});
    const Predictions actual = predict(Plan(integer), graph.preprocessing, frames.evaluated, title, progress_output());
    return compare_with_reference(actual, expected).overall.sqnr_db;
  };
  const double all_db = sqnr_db({}, "int8");
  std::vector<std::vector<std::string>> rows{{"layer", "weights", "alone dB", "all but it dB", "it costs dB"}};
  std::string worst;
  double worst_db = -1e9;
  for (const Node& node : graph.nodes) {
    std::set<std::string> others = names_of(graph);
    others.erase(node.name);
    const double alone_db = sqnr_db(others, node.name + " alone"), without_db = sqnr_db({node.name}, "all but " + node.name);
    const bool has_weights = node.inputs.size() > 1 && graph.value(node.inputs[1]).is_constant();
    rows.push_back({node.name, has_weights ? std::to_string(element_count(graph.value(node.inputs[1]).shape)) : "-",
                    decibels(alone_db), decibels(without_db), decibels(without_db - all_db)});
    if (without_db - all_db > worst_db) worst = node.name, worst_db = without_db - all_db;
  }
  fmt::print("{} frames, all layers in int8: {} dB\n{}\nhurts most: {} ({} dB better without it)\n", frames.evaluated.size(),
             decibels(all_db), aligned_table(rows), worst, decibels(worst_db));
}

}  // namespace slimpilot
