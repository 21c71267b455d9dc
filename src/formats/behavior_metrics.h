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

struct BrainOptions {
  BrainRuntime runtime = BrainRuntime::slimpilot;
  std::string name;  // letters, digits and '_': the files are brain_NAME.py, NAME.yml and the model's
};

/// The name of the model's file beside the brain.
std::string brain_model_file(const BrainOptions& options);

/// Throws Error where the graph's outputs do not name v and w, its input is not made of colour images, or LiteRT would have to
/// remember frames.
std::string brain_program(const Graph& graph, const BrainOptions& options);

std::string brain_configuration(const BrainOptions& options);

}  // namespace slimpilot
