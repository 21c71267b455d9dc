// SPDX-License-Identifier: Apache-2.0
// Measuring models.
#include "cli/evaluation.h"

#include "cli/fastest_plan.h"

namespace slimpilot {

Evaluator::Evaluator(const Graph& reference, const Dataset& dataset, const PlanOptions& options)
    : dataset_(&dataset), options_(options) {
  reference_ = predict(Plan(reference), reference.preprocessing, dataset, "reference", progress_output());
}

ModelResult Evaluator::evaluate(const std::string& name, const Graph& graph) const {
  const Plan plan = fastest_plan(graph, dataset_, options_);
  const Predictions predictions = predict(plan, graph.preprocessing, *dataset_, name, progress_output());
  const Evaluation evaluation = compare_with_labels(predictions, *dataset_);
  const OutputDeviation deviation = compare_with_reference(predictions, reference_);
  ModelResult result{.technique = name, .status = "ok", .errors = evaluation.overall, .deviation = deviation.overall};
  for (size_t o = 0; o < dataset_->columns.size(); ++o)
    result.outputs.push_back({dataset_->columns[o].name, evaluation.per_output[o], deviation.per_output[o]});
  result.latency = measure_latency(plan, timing_inputs(plan, graph.preprocessing, dataset_));
  result.isa = isa_name(plan.isa());
  result.arithmetic = arithmetic_name(plan.arithmetic());
  return result;
}

}  // namespace slimpilot
