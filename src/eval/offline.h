// SPDX-License-Identifier: Apache-2.0
// How far a network's predictions are from the labels, and from those of another network.
#pragma once

#include <string>
#include <vector>

#include "eval/dataset.h"

namespace slimpilot {

/// Errors of one output, or of all together. Units: those of the scaled labels (squared for MSE).
struct LabelErrors {
  double mse = 0, mae = 0;
  size_t count = 0;
  double mse_nonzero = 0, mae_nonzero = 0;  // over numbers whose unscaled label is not zero
  size_t count_nonzero = 0;
};

/// Deviation from a reference network. SQNR: 10·log10(Σ reference² / Σ difference²), the mean included.
struct Deviation {
  double sqnr_db = 0, max_difference = 0;
};

/// Sums for one Deviation.
struct DeviationSums {
  double signal = 0, error = 0, largest = 0;

  void add(double reference, double value);
  Deviation result() const;
};

struct Evaluation {
  std::vector<LabelErrors> per_output;
  LabelErrors overall;
};

using Predictions = std::vector<std::vector<float>>;  // [frame][output]

Evaluation compare_with_labels(const Predictions& predictions, const Dataset& dataset);

struct OutputDeviation {
  std::vector<Deviation> per_output;
  Deviation overall;
};
OutputDeviation compare_with_reference(const Predictions& predictions, const Predictions& reference);

}  // namespace slimpilot
