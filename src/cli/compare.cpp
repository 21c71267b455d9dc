// SPDX-License-Identifier: Apache-2.0
// slimpilot compare: how far model B is from model A, output by output and layer by layer.
#include <fmt/format.h>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/model_options.h"
#include "eval/compare_layers.h"
#include "report/table.h"

namespace slimpilot {

namespace {

/// What had to be done to B's channels before they could be compared with A's.
std::string channels_text(const LayerDeviation& layer) {
  return layer.reordered && layer.scaled ? "reordered, scaled"
         : layer.reordered               ? "reordered"
         : layer.scaled                  ? "scaled"
                                         : "as in A";
}

}  // namespace

void run_compare(int argc, char** argv) {
  std::string a, b;
  ModelOptions options;
  DataOptions data;
  Arguments arguments("compare", "two models frame by frame and layer by layer: SQNR, largest difference, worst layer");
  arguments.positional("A", a, "the reference model");
  arguments.positional("B", b, "the model that is compared with it");
  data.declare(arguments);
  options.declare(arguments);
  arguments.parse(argc, argv);

  Graph reference = load_model_for_frames(a, options), graph = load_model_for_frames(b, options);
  std::vector<FrameId> selected;
  Dataset dataset = load_dataset(data, options, reference, selected);
  dataset.frames = selected;
  const auto run = [&](const Graph& g, const std::string& name) {
    return predict(Plan(g), g.preprocessing, dataset, name, progress_output());
  };
  const Predictions expected = run(reference, "A"), actual = run(graph, "B");
  if (expected[0].size() != actual[0].size())
    throw Error(
        fmt::format("{} yields {} numbers, {} yields {}; they cannot be compared", a, expected[0].size(), b, actual[0].size()));
  const OutputDeviation deviation = compare_with_reference(actual, expected);

  std::vector<std::vector<std::string>> rows{{"output", "SQNR dB", "max diff"}};
  const auto add = [&](const std::string& name, const Deviation& d) {
    rows.push_back({name, decibels(d.sqnr_db), significant(d.max_difference)});
  };
  for (size_t o = 0; o < dataset.columns.size(); ++o) add(dataset.columns[o].name, deviation.per_output[o]);
  add("all", deviation.overall);
  fmt::print("{} frames\n{}\n", dataset.size(), aligned_table(rows));

  rows = {{"layer", "SQNR dB", "max diff", "channels"}};
  const LayerDeviation* worst = nullptr;
  const auto layers = compare_layers(graph, reference, dataset, progress_output());
  for (const LayerDeviation& layer : layers) {
    add(layer.name, layer.deviation);
    rows.back().push_back(channels_text(layer));
    if (worst == nullptr || layer.deviation.sqnr_db < worst->deviation.sqnr_db) worst = &layer;
  }
  if (worst == nullptr)
    fmt::print("the models have no layer in common\n");
  else
    fmt::print("{}\nworst layer: {} ({} dB)\n", aligned_table(rows), worst->name, decibels(worst->deviation.sqnr_db));
}

}  // namespace slimpilot
