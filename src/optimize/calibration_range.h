// SPDX-License-Identifier: Apache-2.0
// Which range of a value's numbers its integers shall cover: what lies beyond is clipped, and what lies within has steps of
// a 255th of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace slimpilot {

struct ValueRange {
  float low = 0, high = 0;
  bool operator==(const ValueRange&) const = default;
};

/// How a range follows from what was observed: all of it; all but a share at both ends; the part with the least expected
/// squared error of an 8-bit quantization; or the one whose 256 steps tell most of how the numbers are distributed.
enum class CalibrationMethod { minmax, percentile, mse, entropy };

struct CalibrationOptions {
  CalibrationMethod method = CalibrationMethod::mse;
  double percentile = 99.99;  // kept, in percent
};

/// "minmax", "percentile", "mse" or "entropy"; Error otherwise.
CalibrationMethod calibration_method(const std::string& name);

/// Counts of a value's numbers in equal bins between its least and greatest.
struct Histogram {
  ValueRange range;
  std::vector<uint64_t> bins;
};

ValueRange percentile_range(const Histogram& histogram, double percent_kept);
ValueRange least_error_range(const Histogram& histogram);

/// The range with the least Kullback-Leibler divergence Σ p·ln(p/q) of the numbers p, those beyond counted at its ends, from
/// what 256 equal steps q keep of them (S. Migacz, 8-bit inference with TensorRT, 2017; here for ranges with two ends). Zero,
/// which every range has a step for, counts no more than its neighbours.
ValueRange least_divergence_range(const Histogram& histogram);

/// What the options' method makes of it.
ValueRange chosen_range(const Histogram& histogram, const CalibrationOptions& options);

}  // namespace slimpilot
