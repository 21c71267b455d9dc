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
  ModelOptions options;
  Arguments arguments("convert",
                      "read a model, fold what costs time, and write it in the format that OUT's ending says (.tflite)");
  arguments.positional("IN", in, "a .h5, .pth or .tflite file, or random:NETWORK[:SEED]");
  arguments.positional("OUT", out, "the file to write");
  options.declare(arguments);
  arguments.parse(argc, argv);
  Graph graph = load_model(in, options);
  if (!options.outputs.empty()) set_meaning(graph, parse_label_columns(options.outputs));
  const size_t bytes = write_model(simplify(std::move(graph)), out);
  fmt::print("{}: {} MB\n", out, megabytes(bytes));
}

}  // namespace slimpilot
