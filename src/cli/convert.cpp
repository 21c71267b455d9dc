// SPDX-License-Identifier: Apache-2.0
// slimpilot convert: one model file to another.
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/model_options.h"
#include "formats/formats.h"
#include "formats/onnx.h"
#include "optimize/passes.h"
#include "report/table.h"

namespace slimpilot {

namespace {

/// LSTMs that the file cannot say are taken apart; .tflite has none that starts anew each time.
Graph lstms_unrolled(Graph graph, const std::string& out) {
  const size_t nodes = graph.nodes.size();
  if (out.ends_with(".tflite"))
    graph = unroll_lstm(std::move(graph));
  else if (out.ends_with(".onnx"))
    graph = unroll_lstm(std::move(graph), is_onnx_lstm);
  if (graph.nodes.size() != nodes)
    fmt::print(stderr,
               "{}: LSTMs are taken apart into {} operators with real weights, as the format has none that computes the "
               "same; a .slim keeps them\n",
               out, graph.nodes.size() - nodes);
  return graph;
}

}  // namespace

void run_convert(int argc, char** argv) {
  std::string in, out;
  bool plain = false;
  ModelOptions options;
  Arguments arguments(
      "convert",
      "read a model, fold what costs time, and write it in the format that OUT's ending says (.tflite, .onnx, .slim)");
  arguments.positional("IN", in, "a .h5, .pth, .onnx, .tflite or .slim file, or random:NETWORK[:SEED]");
  arguments.positional("OUT", out, "the file to write");
  arguments.option("--plain", plain, "do without zstd in a .slim file: larger, and weights can be used where they lie");
  options.declare(arguments);
  arguments.parse(argc, argv);
  const Graph graph = lstms_unrolled(simplify(load_model(in, options)), out);
  const size_t bytes = write_model(graph, out, {.zstd = !plain});
  fmt::print("{}: {} MB\n", out, megabytes(bytes));
}

}  // namespace slimpilot
