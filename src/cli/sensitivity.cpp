// SPDX-License-Identifier: Apache-2.0
// slimpilot sensitivity: which layer int8 hurts most. Every layer is quantized alone, and everything but it.
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/layers.h"
#include "optimize/passes.h"
#include "report/table.h"

namespace slimpilot {

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

  Graph graph = simplify(load_model_for_frames(model, options));
  std::vector<FrameId> selected;
  const Dataset all = load_dataset(data, options, graph, selected);
  const SplitFrames frames = split_frames(calibrating, graph, all, selected);
  Calibrator calibrator(calibrating, graph, frames.calibration);
  const Sensitivity sensitivity = sensitivity_of(graph, calibrator, frames.evaluated);
  fmt::print("{}", sensitivity_table(sensitivity));
}

}  // namespace slimpilot
