// SPDX-License-Identifier: Apache-2.0
// slimpilot brain: a model as a brain of Behavior Metrics.
#include <fmt/format.h>

#include <cctype>
#include <filesystem>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/model_options.h"
#include "eval/driver.h"
#include "formats/behavior_metrics.h"
#include "formats/formats.h"
#include "host/atomic_file.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

constexpr int kBirdEyeHeight = 300, kBirdEyeWidth = 100;  // as the framework draws it

BrainRuntime runtime_named(const std::string& name) {
  if (name == "slimpilot") return BrainRuntime::slimpilot;
  if (name == "litert") return BrainRuntime::litert;
  throw UsageError("--runtime " + name + " is none of slimpilot or litert");
}

BrainPicture picture_named(const std::string& name) {
  if (name == "camera") return BrainPicture::camera;
  if (name == "bird_eye") return BrainPicture::bird_eye;
  throw UsageError("--picture " + name + " is none of camera or bird_eye");
}

/// Says early when the pictures do not fit; the size of CARLA's camera is a matter of its configuration.
void check_pictures(const Graph& graph, const BrainOptions& brain) {
  const Plan plan(graph);
  if (!drives_carla(graph))
    NetworkPilot(graph, plan);
  else if (brain.picture == BrainPicture::bird_eye)
    FrameInput(graph.preprocessing, plan.inputs()[0], kBirdEyeHeight, kBirdEyeWidth, plan.isa());
}

/// The model's file name as a part of a Python module's.
std::string module_name(const std::string& model) {
  std::string name = std::filesystem::path(model).stem().string();
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return name;
}

}  // namespace

void run_brain(int argc, char** argv) {
  std::string model, out, runtime = "slimpilot", picture = "camera";
  ModelOptions options;
  Arguments arguments("brain", "write a brain and a configuration for JdeRobot's Behavior Metrics, which drive with a model");
  arguments.positional("MODEL", model, "a model file with outputs v and w (Gazebo), or throttle and steer (CARLA)");
  arguments.option("--out", out, "the folder to write brain_NAME.py, NAME.yml and the model to");
  arguments.option("--runtime", runtime,
                   "what runs the model there: slimpilot (its Python module), or litert (a .tflite file)");
  arguments.option("--picture", picture, "what CARLA shows the model: camera (the front one), or bird_eye");
  options.declare(arguments);
  arguments.parse(argc, argv);
  if (out.empty()) throw UsageError("name the folder to write with --out");
  const BrainOptions brain{.runtime = runtime_named(runtime), .picture = picture_named(picture), .name = module_name(model)};

  const Graph graph = simplify(load_model_for_frames(model, options));
  const std::string program = brain_program(graph, brain);
  check_pictures(graph, brain);
  const std::filesystem::path folder = out, program_file = folder / ("brain_" + brain.name + ".py"),
                              configuration_file = folder / (brain.name + ".yml"),
                              model_file = folder / brain_model_file(brain);
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure) throw Error(out + ": cannot be made: " + failure.message());
  write_model(graph, model_file);
  write_file_atomically(program_file, program);
  write_file_atomically(configuration_file, brain_configuration(graph, brain));
  fmt::print("{}\n{}\n{}\ncopy the .py and the model to behavior_metrics/brains/{}, and start with -c {}.yml\n",
             program_file.string(), model_file.string(), configuration_file.string(), brain_folder(drives_carla(graph)),
             brain.name);
}

}  // namespace slimpilot
