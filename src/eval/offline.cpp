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

/// Sums for one Deviation.
struct DeviationSums {
  double signal = 0, error = 0, largest = 0;

  void add(double reference, double value) {
    signal += reference * reference;
    error += (value - reference) * (value - reference);
    largest = std::max(largest, std::abs(value - reference));
  }
  Deviation result() const { return {sqnr_db(signal, error), largest}; }
};

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

namespace {

/// What is left of the difference when every channel has its best factor: Σ r² − (Σ r·x)² / Σ x².
class ChannelFit {
 public:
  explicit ChannelFit(const Shape& shape) : sums_(static_cast<size_t>(shape.empty() ? 1 : shape.back())) {}
  void add(size_t element, double reference, double x) {
    Sums& s = sums_[element % sums_.size()];
    s.rr += reference * reference, s.rx += reference * x, s.xx += x * x;
  }
  double sqnr_db() const {
    double signal = 0, noise = 0;
    for (const Sums& s : sums_) {
      signal += s.rr;
      noise += s.xx > 0 ? std::max(0.0, s.rr - s.rx * s.rx / s.xx) : s.rr;
    }
    return 10 * std::log10(signal / noise);
  }

 private:
  struct Sums {
    double rr = 0, rx = 0, xx = 0;
  };
  std::vector<Sums> sums_;
};

}  // namespace

std::vector<LayerDeviation> compare_layers(const Graph& graph, const Graph& reference, const Dataset& dataset,
                                           const ProgressOutput& output) {
  const Plan plan(graph, {.keep_all_values = true}), reference_plan(reference, {.keep_all_values = true});
  struct Pair {
    const TensorView *value, *reference;
    DeviationSums sums;
    ChannelFit fit;
  };
  std::vector<Pair> pairs;
  for (const TensorView& r : reference_plan.values())
    for (const TensorView& v : plan.values())
      if (v.name == r.name && v.shape == r.shape) pairs.push_back({&v, &r, {}, ChannelFit(r.shape)});
  Session session(plan), reference_session(reference_plan);
  FrameReader reader(dataset, graph.preprocessing, plan.inputs()[0], plan.isa());
  FrameReader reference_reader(dataset, reference.preprocessing, reference_plan.inputs()[0], plan.isa());
  Progress progress("comparing layers", dataset.size(), output);
  std::vector<float> x, r;
  for (size_t i = 0; i < dataset.size(); ++i) {
    check_cancelled();
    if (i > 0 && dataset.frames[i].recording != dataset.frames[i - 1].recording)
      session.reset_state(), reference_session.reset_state();
    reader.read(i, session.input());
    reference_reader.read(i, reference_session.input());
    session.run();
    reference_session.run();
    for (Pair& pair : pairs) {
      x.clear(), r.clear();
      session.read(*pair.value, x);
      reference_session.read(*pair.reference, r);
      for (size_t e = 0; e < r.size(); ++e) pair.sums.add(r[e], x[e]), pair.fit.add(e, r[e], x[e]);
    }
    progress.advance();
  }
  std::vector<LayerDeviation> layers;
  for (const Pair& pair : pairs) layers.push_back({pair.reference->name, pair.sums.result(), pair.fit.sqnr_db()});
  return layers;
}

}  // namespace slimpilot
