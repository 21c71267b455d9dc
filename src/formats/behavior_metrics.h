// SPDX-License-Identifier: Apache-2.0
// A model as a brain of JdeRobot's Behavior Metrics: the Python file that drives with it and the configuration that starts it.
// Text only; cli/brain.cpp writes the files.
#pragma once

#include <string>

#include "graph/graph.h"

namespace slimpilot {

/// What runs the network there: our Python module, or LiteRT (also TensorFlow's), for which the brain itself prepares frames
/// and scales outputs as the graph says, with the same numbers.
enum class BrainRuntime { slimpilot, litert };

/// What it is shown: the front camera, or, in CARLA, the road from above as the framework draws it (both RGB).
enum class BrainPicture { camera, bird_eye };

struct BrainOptions {
  BrainRuntime runtime = BrainRuntime::slimpilot;
  BrainPicture picture = BrainPicture::camera;
  std::string name;  // letters, digits and '_': the files are brain_NAME.py, NAME.yml and the model's
};

/// The name of the model's file beside the brain.
std::string brain_model_file(const BrainOptions& options);

/// Whether the brain is one for CARLA: the outputs name throttle and steer, perhaps brake, and not v and w.
bool drives_carla(const Graph& graph);
/// Where in the framework's folder `brains` it must lie.
std::string brain_folder(bool carla);

/// Sends v and w to the Formula 1 car of Gazebo; or throttle (0 … 1), steer (−1 … 1) and brake (0 … 1, 0 without such an
/// output) to CARLA's, limited to these ranges. Throws Error where the outputs name neither, the input is not made of colour
/// images, LiteRT would have to remember frames, or Gazebo should draw a bird's-eye view.
std::string brain_program(const Graph& graph, const BrainOptions& options);

std::string brain_configuration(const Graph& graph, const BrainOptions& options);

}  // namespace slimpilot
