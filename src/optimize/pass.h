// SPDX-License-Identifier: Apache-2.0
// What a pass is: a named function from graph to graph, with numbers that can be set.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "graph/graph.h"
#include "optimize/calibrate.h"
#include "optimize/fine_tuner.h"

namespace slimpilot {

/// What a pass must be given besides the graph.
struct Needs {
  bool calibration = false, training = false;
  bool real_weights = true;  // a graph that is quantized is refused
};

struct PassContext {
  std::function<const Calibration&(const Graph&)> calibrate;  // of the graph that it is given; valid until the next call
  FineTuner* tuner = nullptr;
  const Graph* original = nullptr;  // the simplified float graph that the recipe began with
  int most_epochs = 1000;           // of each step that trains
};

/// A number that a recipe may set, from low to high; with a `step` only multiples of it.
struct Parameter {
  std::string_view name;
  double value;  // unless it is set
  double low, high, step;
  std::string_view meaning;
};

/// The parameters of one step by name.
using Settings = std::map<std::string, double, std::less<>>;

struct Pass {
  std::string_view name;     // as recipes say it
  std::string_view summary;  // one line
  Needs needs;
  std::span<const Parameter> parameters;
  Graph (*run)(Graph, const Settings&, const PassContext&);  // all parameters are set, within their limits
};

}  // namespace slimpilot
