// SPDX-License-Identifier: Apache-2.0
// slimpilot predict: commands for pictures, in the outputs' units.
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/model_options.h"
#include "host/image_file.h"
#include "report/table.h"

namespace slimpilot {

void run_predict(int argc, char** argv) {
  std::string model;
  std::vector<std::string> images;
  ModelOptions options;
  Arguments arguments("predict", "what a model says of pictures, in the outputs' units");
  arguments.positional("MODEL", model, "a model file");
  arguments.positional("IMAGE", images, "PNG or JPEG files");
  options.declare(arguments);
  arguments.parse(argc, argv);

  Graph graph = load_model(model, options);
  if (!options.outputs.empty()) set_meaning(graph, parse_label_columns(options.outputs));
  const Plan plan(graph);
  Session session(plan);
  std::vector<float> outputs;
  std::vector<std::vector<std::string>> rows{{"image"}};
  for (const std::string& path : images) {
    const Image image = read_image(path);
    FrameInput(graph.preprocessing, plan.inputs()[0], image.height, image.width, plan.isa())
        .prepare(image.pixels, session.input());
    session.run();
    session.read_outputs(outputs);
    rows.push_back({path});
    for (size_t o = 0; o < outputs.size(); ++o) {
      const OutputMeaning meaning = graph.meaning.empty() ? OutputMeaning{"output " + std::to_string(o), ""} : graph.meaning[o];
      if (rows.size() == 2) rows[0].push_back(meaning.name + (meaning.unit.empty() ? "" : " (" + meaning.unit + ")"));
      rows.back().push_back(fmt::format("{:.6f}", meaning.min + outputs[o] * (meaning.max - meaning.min)));
    }
  }
  fmt::print("{}", aligned_table(rows));
}

}  // namespace slimpilot
