// SPDX-License-Identifier: Apache-2.0
// Errors against labels and deviations between networks.
#include "eval/offline.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/stats.h"

namespace slimpilot {
namespace {

void add(LabelErrors& errors, double difference, bool nonzero) {
  errors.mse += difference * difference;
  errors.mae += std::abs(difference);
  ++errors.count;
  if (!nonzero) return;
  errors.mse_nonzero += difference * difference;
  errors.mae_nonzero += std::abs(difference);
  ++errors.count_nonzero;
}

void finish(LabelErrors& errors) {
  const auto divide = [](double& sum, size_t count) { sum = count ? sum / static_cast<double>(count) : 0; };
  divide(errors.mse, errors.count);
  divide(errors.mae, errors.count);
  divide(errors.mse_nonzero, errors.count_nonzero);
  divide(errors.mae_nonzero, errors.count_nonzero);
}

}  // namespace

Evaluation compare_with_labels(const Predictions& predictions, const Dataset& dataset) {
  check(predictions.size() == dataset.size());
  Evaluation evaluation;
  evaluation.per_output.resize(dataset.columns.size());
  for (size_t i = 0; i < predictions.size(); ++i) {
    const std::vector<float> labels = dataset.labels(i);
    check(labels.size() == predictions[i].size());
    for (size_t o = 0; o < labels.size(); ++o) {
      const LabelColumn& column = dataset.columns[o];
      const bool nonzero = column.min + labels[o] * (column.max - column.min) != 0;
      const double difference = static_cast<double>(predictions[i][o]) - labels[o];
      add(evaluation.per_output[o], difference, nonzero);
      add(evaluation.overall, difference, nonzero);
    }
  }
  for (LabelErrors& errors : evaluation.per_output) finish(errors);
  finish(evaluation.overall);
  return evaluation;
}

void DeviationSums::add(double reference, double value) {
  signal += reference * reference;
  error += (value - reference) * (value - reference);
  largest = std::max(largest, std::abs(value - reference));
}

Deviation DeviationSums::result() const { return {sqnr_db(signal, error), largest}; }

OutputDeviation compare_with_reference(const Predictions& predictions, const Predictions& reference) {
  check(predictions.size() == reference.size() && !reference.empty());
  std::vector<DeviationSums> sums(reference[0].size());
  DeviationSums all;
  for (size_t i = 0; i < reference.size(); ++i)
    for (size_t o = 0; o < sums.size(); ++o) {
      sums[o].add(reference[i][o], predictions[i][o]);
      all.add(reference[i][o], predictions[i][o]);
    }
  OutputDeviation deviation{{}, all.result()};
  for (const DeviationSums& s : sums) deviation.per_output.push_back(s.result());
  return deviation;
}

}  // namespace slimpilot
