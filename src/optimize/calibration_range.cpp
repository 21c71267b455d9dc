// SPDX-License-Identifier: Apache-2.0
// Ranges with two ends are searched in turn: the upper one, then the lower one, twice.
#include "optimize/calibration_range.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace slimpilot {
namespace {

/// Expected squared error when `histogram` is quantized to 256 steps over [low, high].
double quantization_error(const Histogram& histogram, float low, float high) {
  const double width = (histogram.range.high - histogram.range.low) / static_cast<double>(histogram.bins.size());
  const double step = (static_cast<double>(std::max(high, 0.0f)) - std::min(low, 0.0f)) / 255;
  double error = 0;
  for (size_t b = 0; b < histogram.bins.size(); ++b) {
    if (histogram.bins[b] == 0) continue;
    const double x = histogram.range.low + (static_cast<double>(b) + 0.5) * width;
    const double beyond = x < low ? low - x : x > high ? x - high : 0;
    error += static_cast<double>(histogram.bins[b]) * (beyond * beyond + step * step / 12);
  }
  return error;
}

/// The histogram's counts as parts of a distribution.
std::vector<double> distribution(const Histogram& histogram) {
  std::vector<double> p(histogram.bins.begin(), histogram.bins.end());
  const auto [low, high] = histogram.range;
  if (low <= 0 && high >= 0 && high > low && p.size() >= 3) {
    const size_t zero = std::min(p.size() - 1, static_cast<size_t>(-low / (high - low) * static_cast<float>(p.size())));
    const double beside = zero == 0 ? p[1] : zero + 1 == p.size() ? p[zero - 1] : (p[zero - 1] + p[zero + 1]) / 2;
    p[zero] = std::min(p[zero], beside);
  }
  return p;
}

/// Of p's bins first … last from what 256 steps keep of them.
double divergence(const std::vector<double>& p, size_t first, size_t last) {
  constexpr size_t kSteps = 256;
  constexpr double kLeast = 1e-4;  // of p, what q counts as where only cut numbers are
  double below = 0, above = 0, within = 0;
  for (size_t i = 0; i < p.size(); ++i) (i < first ? below : i > last ? above : within) += p[i];
  const double all = below + within + above;
  if (within == 0) return std::numeric_limits<double>::infinity();
  double sum = 0;
  const size_t bins = last - first + 1;
  for (size_t step = 0; step < kSteps; ++step) {
    const size_t begin = first + step * bins / kSteps, end = first + (step + 1) * bins / kSteps;
    double mass = 0;
    size_t filled = 0;
    for (size_t i = begin; i < end; ++i) mass += p[i], filled += p[i] > 0;
    for (size_t i = begin; i < end; ++i) {
      const double here = (p[i] + (i == first ? below : 0) + (i == last ? above : 0)) / all;
      if (here == 0) continue;
      const double kept = p[i] > 0 ? mass / static_cast<double>(filled) / within : 0;
      sum += here * std::log(here / std::max(kept, kLeast * here));
    }
  }
  return sum;
}

/// The range with the least cost(low share, high share), shares of what was observed.
template <class Cost>
ValueRange search(const Histogram& histogram, const Cost& cost) {
  ValueRange best = histogram.range;
  double least = cost(best);
  for (int round = 0; round < 2; ++round)
    for (int percent = 99; percent >= 10; --percent) {
      const float share = static_cast<float>(percent) / 100;
      for (const ValueRange attempt :
           {ValueRange{best.low, histogram.range.high * share}, ValueRange{histogram.range.low * share, best.high}}) {
        const double price = cost(attempt);
        if (price < least) least = price, best = attempt;
      }
    }
  return best;
}

}  // namespace

ValueRange percentile_range(const Histogram& histogram, double percent_kept) {
  uint64_t total = 0;
  for (const uint64_t n : histogram.bins) total += n;
  const double cut = static_cast<double>(total) * (100 - percent_kept) / 200;  // at each end
  const float width = (histogram.range.high - histogram.range.low) / static_cast<float>(histogram.bins.size());
  size_t first = 0, last = histogram.bins.size() - 1;
  for (double seen = 0; first < last && (seen += static_cast<double>(histogram.bins[first])) <= cut;) ++first;
  for (double seen = 0; last > first && (seen += static_cast<double>(histogram.bins[last])) <= cut;) --last;
  return {histogram.range.low + static_cast<float>(first) * width, histogram.range.low + static_cast<float>(last + 1) * width};
}

ValueRange least_error_range(const Histogram& histogram) {
  return search(histogram, [&](const ValueRange& r) { return quantization_error(histogram, r.low, r.high); });
}

ValueRange least_divergence_range(const Histogram& histogram) {
  const double low = histogram.range.low, width = histogram.range.high - low;
  if (!(width > 0)) return histogram.range;
  const std::vector<double> p = distribution(histogram);
  const auto bin = [&](float x) {
    const double place = (x - low) / width * static_cast<double>(p.size());
    return std::min(p.size() - 1, static_cast<size_t>(std::max(0.0, place)));
  };
  return search(histogram, [&](const ValueRange& r) { return divergence(p, bin(r.low), bin(r.high)); });
}

ValueRange chosen_range(const Histogram& histogram, const CalibrationOptions& options) {
  switch (options.method) {
    case CalibrationMethod::minmax: return histogram.range;
    case CalibrationMethod::percentile: return percentile_range(histogram, options.percentile);
    case CalibrationMethod::mse: return least_error_range(histogram);
    case CalibrationMethod::entropy: return least_divergence_range(histogram);
  }
  check(false);
}

CalibrationMethod calibration_method(const std::string& name) {
  if (name == "minmax") return CalibrationMethod::minmax;
  if (name == "percentile") return CalibrationMethod::percentile;
  if (name == "mse") return CalibrationMethod::mse;
  if (name == "entropy") return CalibrationMethod::entropy;
  throw Error("there is no calibration method '" + name + "'; use minmax, percentile, mse or entropy");
}

}  // namespace slimpilot
