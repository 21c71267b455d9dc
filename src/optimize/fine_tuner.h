// SPDX-License-Identifier: Apache-2.0
// What passes that train ask for. The implementation is in training/, so that optimize/ builds without libtorch.
#pragma once

#include "graph/graph.h"

namespace slimpilot {

struct TuneOptions {
  int epochs = 1;
  double learning_rate = .02;      // about what one step changes at most, as a part of the size of each weight tensor
  const Graph* teacher = nullptr;  // its outputs are mixed into the labels
  double teacher_share = 1;        // above 0, at most 1; the recordings' labels have the rest
  bool learn_ranges = false;       // the scales of an integer graph are trained too
};

class FineTuner {
 public:
  virtual ~FineTuner() = default;

  /// The graph with weights trained on from where they are; every weight's Constraint holds in the result. An integer graph
  /// computes with the engine's own integers. The best epoch by validation loss counts, the start among them.
  virtual Graph tune(const Graph& graph, const TuneOptions& options) = 0;
};

}  // namespace slimpilot
