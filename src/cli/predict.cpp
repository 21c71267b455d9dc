// SPDX-License-Identifier: Apache-2.0
// slimpilot predict: commands for pictures, in the outputs' units.
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/fastest_plan.h"
#include "cli/predictor.h"
#include "report/table.h"

namespace slimpilot {

void run_predict(int argc, char** argv) {
  std::string model;
  std::vector<std::string> images;
  ModelOptions options;
  EngineOptions engine;
  Arguments arguments("predict", "what a model says of pictures, in the outputs' units");
  arguments.positional("MODEL", model, "a model file");
  arguments.positional("IMAGE", images, "PNG or JPEG files; consecutive ones for a model that sees several frames at once");
  engine.declare_arithmetic(arguments);
  options.declare(arguments);
  arguments.parse(argc, argv);

  Predictor predict(model, options, engine.plan_options());
  std::vector<std::vector<std::string>> rows{{"image"}};
  for (const OutputMeaning& output : predict.outputs())
    rows[0].push_back(output.name + (output.unit.empty() ? "" : " (" + output.unit + ")"));
  for (const std::string& path : images) {
    rows.push_back({path});
    if (!predict.sees_earlier_frames()) predict.forget();
    for (const double value : predict({path, read_image(path)})) rows.back().push_back(fmt::format("{:.6f}", value));
  }
  fmt::print("{}", aligned_table(rows));
}

}  // namespace slimpilot
