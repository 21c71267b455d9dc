// SPDX-License-Identifier: Apache-2.0
#include "cli/layers.h"

#include <map>
#include <set>

#include "eval/compare_layers.h"
#include "formats/slim/slim.h"
#include "graph/weights.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

constexpr size_t kComparedFrames = 40, kSensitivityFrames = 300;

LayerResult result_of(const Node& node, const Value& constant) {
  const WeightStatistics statistics = weight_statistics(constant);
  const SlimStorage storage = slim_storage(constant);
  return {.layer = node.name,
          .weight = constant.name,
          .shape = shape_text(constant.shape),
          .type = std::string(type_name(constant.type)),
          .elements = statistics.elements,
          .zeros = statistics.zeros,
          .distinct = statistics.distinct,
          .entropy_bits = statistics.entropy_bits,
          .bytes = constant.data.size(),
          .slim_bytes = storage.bytes,
          .slim_encoding = storage.encoding};
}

std::set<std::string> names_of(const Graph& graph) {
  std::set<std::string> names;
  for (const Node& node : graph.nodes) names.insert(node.name);
  return names;
}

/// `most` of the frames, spread over them.
Dataset thinned(Dataset frames, size_t most) {
  std::vector<FrameId> kept;
  const size_t count = std::min(most, frames.size());
  for (size_t i = 0; i < count; ++i) kept.push_back(frames.frames[i * frames.size() / count]);
  frames.frames = std::move(kept);
  return frames;
}

}  // namespace

std::vector<LayerResult> layer_results(const Graph& graph) {
  std::vector<LayerResult> results;
  std::set<ValueId> seen;
  for (const Node& node : graph.nodes)
    for (const ValueId id : node.inputs)
      if (graph.value(id).is_constant() && seen.insert(id).second) results.push_back(result_of(node, graph.value(id)));
  return results;
}

void add_deviations(std::vector<LayerResult>& layers, const Graph& graph, const Graph& reference, const Dataset& frames) {
  std::map<std::string, double> sqnr_db;  // by the name of the layer's result
  for (const LayerDeviation& layer : compare_layers(graph, reference, thinned(frames, kComparedFrames), progress_output()))
    sqnr_db[layer.name] = layer.deviation.sqnr_db;
  std::map<std::string, std::string> result_name;
  for (const Node& node : graph.nodes) result_name[node.name] = graph.value(node.output).name;
  for (LayerResult& layer : layers)
    if (const auto found = sqnr_db.find(result_name[layer.layer]); found != sqnr_db.end()) layer.sqnr_db = found->second;
}

Sensitivity sensitivity_of(Graph graph, Calibrator& calibrator, const Dataset& all_frames) {
  const Dataset frames = thinned(all_frames, kSensitivityFrames);
  graph = equalize_channels(graph, calibrator(graph));
  const Predictions expected = predict(Plan(graph), graph.preprocessing, frames, "float32", progress_output());
  const auto sqnr_db = [&](const std::set<std::string>& real, const std::string& title) {
    const Graph integer = quantize_integer(graph, calibrator(graph), {.real_nodes = real});
    const Predictions actual = predict(Plan(integer), graph.preprocessing, frames, title, progress_output());
    return compare_with_reference(actual, expected).overall.sqnr_db;
  };
  Sensitivity result{.frames = frames.size(), .all_db = sqnr_db({}, "int8")};
  for (const Node& node : graph.nodes) {
    std::set<std::string> others = names_of(graph);
    others.erase(node.name);
    result.layers.push_back({node.name, sqnr_db(others, node.name + " alone"), sqnr_db({node.name}, "all but " + node.name)});
  }
  return result;
}

}  // namespace slimpilot
