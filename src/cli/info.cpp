// SPDX-License-Identifier: Apache-2.0
// slimpilot info: what a model file holds.
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/layers.h"
#include "cli/model_options.h"
#include "formats/formats.h"
#include "formats/slim/slim.h"
#include "graph/edit.h"
#include "graph/input_images.h"
#include "graph/weights.h"
#include "optimize/passes.h"
#include "report/table.h"

namespace slimpilot {
namespace {

void print_preprocessing(const Graph& graph) {
  const Preprocessing& p = graph.preprocessing;
  const std::string rows =
      p.crop_top == 0 && p.crop_bottom == 0 ? "all rows" : fmt::format("rows {}:{}", p.crop_top, p.crop_bottom);
  fmt::print("preprocessing: {}, {}, {}, x·({}, {}, {}) + ({}, {}, {})\n", rows, p.resize ? "resize" : "no resize",
             color_name(p.color), p.scale[0], p.scale[1], p.scale[2], p.offset[0], p.offset[1], p.offset[2]);
  const auto images = input_images(graph.value(graph.inputs[0]).shape);
  if (images && (images->count > 1 || !p.frames_back.empty()))
    fmt::print("frames: {}\n", text_of(*images, frames_back(p, *images)));
}

std::string quantization_text(const Value& value) {
  if (!value.quantization) return "";
  const Quantization& q = *value.quantization;
  if (q.scale.size() > 1) return fmt::format("{} scales", q.scale.size());
  return fmt::format("scale {:.6g} zero {}", q.scale[0], q.zero_point[0]);
}

/// Of the weights of all layers together, in percent.
double zeros_percent(const Graph& graph) {
  size_t zeros = 0, elements = 0;
  for (const ValueId id : weights_of(graph)) {
    const WeightStatistics statistics = weight_statistics(graph.value(id));
    zeros += statistics.zeros, elements += statistics.elements;
  }
  return elements == 0 ? 0 : 100 * static_cast<double>(zeros) / static_cast<double>(elements);
}

}  // namespace

void run_info(int argc, char** argv) {
  std::string model, against;
  ModelOptions options;
  DataOptions data;
  Arguments arguments("info", "what a model file holds: layers, shapes, types, weights, preprocessing, outputs");
  arguments.positional("MODEL", model, "a model file, or random:NETWORK[:SEED]");
  arguments.option("--against", against, "the float32 model that it was made from: how far each layer is from it, on --data");
  data.declare(arguments);
  options.declare(arguments);
  arguments.parse(argc, argv);
  if (against.empty() && !data.recordings.empty()) throw UsageError("--data is for --against, which is missing");
  Graph graph = against.empty() ? load_model(model, options) : load_model_for_frames(model, options);

  int64_t parameters = 0, macs = 0;
  size_t weight_bytes = 0;
  std::vector<std::vector<std::string>> rows{{"layer", "op", "result", "type", "MMAC", "weights", "kB", "quantization"}};
  for (const Node& node : graph.nodes) {
    int64_t count = 0;
    size_t bytes = 0;
    for (const ValueId id : node.inputs) {
      if (!graph.value(id).is_constant()) continue;
      count += element_count(graph.value(id).shape);
      bytes += graph.value(id).data.size();
    }
    parameters += count;
    weight_bytes += bytes;
    macs += multiply_adds(graph, node);
    const Value& out = graph.value(node.output);
    rows.push_back({node.name, std::string(op_name(node.op)), shape_text(out.shape), std::string(type_name(out.type)),
                    fmt::format("{:.3f}", static_cast<double>(multiply_adds(graph, node)) / 1e6), std::to_string(count),
                    fmt::format("{:.1f}", static_cast<double>(bytes) / 1024), quantization_text(out)});
  }
  for (const ValueId id : graph.inputs) {
    const Value& in = graph.value(id);
    fmt::print("input: {} {} {} {}\n", in.name, shape_text(in.shape), type_name(in.type), quantization_text(in));
  }
  print_preprocessing(graph);
  for (const OutputMeaning& m : graph.meaning) fmt::print("output: {} {} (0 is {}, 1 is {})\n", m.name, m.unit, m.min, m.max);
  fmt::print("{} parameters, {} MB of weights, {:.1f} % of the layers' weights are zero, {:.1f} MMAC\n\n{}", parameters,
             megabytes(weight_bytes), zeros_percent(graph), static_cast<double>(macs) / 1e6, aligned_table(rows));
  std::vector<LayerResult> layers = layer_results(graph);
  if (!against.empty()) {
    std::vector<FrameId> selected;
    Dataset frames = load_dataset(data, options, graph, selected);
    frames.frames = selected;
    add_deviations(layers, graph, simplify(load_model_for_frames(against, options)), frames);
  }
  fmt::print("\n{}as .slim: {} bytes\n", layers_table(layers), to_slim(graph).size());
}

}  // namespace slimpilot
