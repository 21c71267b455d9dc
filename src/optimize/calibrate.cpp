// SPDX-License-Identifier: Apache-2.0
// Calibration: one pass over the frames for least and greatest, for the other methods a second one for histograms.
#include "optimize/calibrate.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "engine/session.h"

namespace slimpilot {
namespace {

constexpr size_t kBins = 4096;

void widen(ValueRange& range, float x) {
  range.low = std::min(range.low, x);
  range.high = std::max(range.high, x);
}

constexpr ValueRange kEmpty{std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()};

void count(Histogram& histogram, const std::vector<float>& values) {
  const auto [low, high] = histogram.range;
  const float scale = high > low ? static_cast<float>(kBins) / (high - low) : 0;
  for (const float x : values) ++histogram.bins[std::min(kBins - 1, static_cast<size_t>((x - low) * scale))];
}

/// Expected squared error when `histogram` is quantized to 256 steps over [low, high].
double quantization_error(const Histogram& histogram, float low, float high) {
  const double width = (histogram.range.high - histogram.range.low) / static_cast<double>(kBins);
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
  ValueRange best = histogram.range;
  double least = quantization_error(histogram, best.low, best.high);
  for (int round = 0; round < 2; ++round)
    for (int percent = 99; percent >= 10; --percent) {
      const float share = static_cast<float>(percent) / 100;
      const auto attempt = [&](float low, float high) {
        const double error = quantization_error(histogram, low, high);
        if (error < least) least = error, best = {low, high};
      };
      attempt(best.low, histogram.range.high * share);
      attempt(histogram.range.low * share, best.high);
    }
  return best;
}

CalibrationMethod calibration_method(const std::string& name) {
  if (name == "minmax") return CalibrationMethod::minmax;
  if (name == "percentile") return CalibrationMethod::percentile;
  if (name == "mse") return CalibrationMethod::mse;
  throw Error("there is no calibration method '" + name + "'; use minmax, percentile or mse");
}

Calibration::Calibration(const Graph& graph, const CalibrationOptions& options, size_t frames,
                         const std::function<void(size_t, std::span<float>)>& read_input) {
  check(frames > 0 && graph.inputs.size() == 1);
  const Plan plan(graph, {.keep_all_values = true});
  Session session(plan);
  std::vector<TensorView> tensors = plan.values();
  tensors.push_back(plan.inputs()[0]);
  std::vector<Histogram> histograms(tensors.size(), {kEmpty, std::vector<uint64_t>(kBins)});
  std::vector<float> values;
  const auto for_each_frame = [&](const auto& observe) {
    for (size_t i = 0; i < frames; ++i) {
      const auto input = session.input();
      read_input(i, {reinterpret_cast<float*>(input.data()), input.size() / sizeof(float)});
      session.run();
      for (size_t t = 0; t < tensors.size(); ++t) {
        values.clear();
        session.read(tensors[t], values);
        observe(histograms[t]);
      }
      session.read_outputs(values);
      output_ranges_.resize(values.size(), kEmpty);
      for (size_t o = 0; o < values.size(); ++o) widen(output_ranges_[o], values[o]);
    }
  };
  for_each_frame([&](Histogram& h) {
    for (const float x : values) widen(h.range, x);
  });
  if (options.method != CalibrationMethod::minmax) for_each_frame([&](Histogram& h) { count(h, values); });
  for (size_t t = 0; t < tensors.size(); ++t) {
    const Histogram& h = histograms[t];
    if (!std::isfinite(h.range.low) || !std::isfinite(h.range.high))
      throw Error("layer '" + tensors[t].name + "' yields a number that is not finite; the network or its preprocessing is wrong");
    ranges_[tensors[t].name] = options.method == CalibrationMethod::minmax       ? h.range
                               : options.method == CalibrationMethod::percentile ? percentile_range(h, options.percentile)
                                                                                 : least_error_range(h);
  }
}

}  // namespace slimpilot
