// SPDX-License-Identifier: Apache-2.0
// slimpilot convert: one model file to another.
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/model_options.h"
#include "formats/formats.h"
#include "optimize/passes.h"
#include "report/table.h"

namespace slimpilot {

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
  Graph graph = simplify(load_model(in, options));
  if (out.ends_with(".tflite")) graph = unroll_lstm(std::move(graph));  // which has no LSTM that starts anew each time
  const size_t bytes = write_model(graph, out, {.zstd = !plain});
  fmt::print("{}: {} MB\n", out, megabytes(bytes));
}

}  // namespace slimpilot
