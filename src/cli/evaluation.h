// SPDX-License-Identifier: Apache-2.0
// Measuring one model after the other on the same frames, against one reference.
#pragma once

#include "cli/model_options.h"
#include "eval/results.h"

namespace slimpilot {

class Evaluator {
 public:
  /// Runs the reference once, in exact arithmetic; `options` are for what is measured. The dataset must outlive the evaluator.
  Evaluator(const Graph& reference, const Dataset& dataset, const PlanOptions& options);

  /// Errors against labels, deviation from the reference, latency; status "ok".
  ModelResult evaluate(const std::string& name, const Graph& graph) const;

 private:
  const Dataset* dataset_;
  PlanOptions options_;
  Predictions reference_;
};

}  // namespace slimpilot
