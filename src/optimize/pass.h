// SPDX-License-Identifier: Apache-2.0
// What a pass is: a named function from graph to graph.
#pragma once

#include <string_view>

#include "graph/graph.h"

namespace slimpilot {

class Calibration;

/// What a pass must be given besides the graph.
struct Needs {
  bool calibration = false, training = false;
};

struct PassContext {
  const Calibration* calibration = nullptr;  // of the very graph that the pass gets
};

struct Pass {
  std::string_view name;     // command-line word, file name and report column
  std::string_view summary;  // one line, for `slimpilot techniques`
  Needs needs;
  Graph (*run)(Graph, const PassContext&);
};

/// Runs the pass and verifies its result.
Graph apply(const Pass& pass, Graph graph, const PassContext& context);

}  // namespace slimpilot
