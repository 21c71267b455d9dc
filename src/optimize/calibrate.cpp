// SPDX-License-Identifier: Apache-2.0
// Calibration: one pass over the frames for least and greatest, for the other methods a second one for histograms.
#include "optimize/calibrate.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "engine/session.h"
#include "graph/edit.h"

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

/// Shows a session the frames and calls observe() after each that counts.
template <class F>
void for_each_counted(Session& session, const std::vector<ShownFrame>& frames, const Calibration::ReadInput& read_input,
                      F&& observe) {
  std::vector<float> input(static_cast<size_t>(element_count(session.plan().inputs()[0].shape)));
  for (const ShownFrame& frame : frames) {
    if (frame.is_first) session.reset_state();  // or a second pass would see numbers outside the first one's ranges
    read_input(frame.id, input);
    session.write_input(input);
    session.run();
    if (frame.counts) observe(frame.index);
  }
}

/// A graph that keeps all its values, and what is gathered of each of them.
struct Observer {
  struct Tensor {
    TensorView view;
    Histogram histogram{kEmpty, std::vector<uint64_t>(kBins)};
    std::vector<double> sums, squares;  // by last dimension
    std::vector<uint64_t> nonzero;      // the same
    std::vector<PatchCovariance*> readers;
  };

  Plan plan;
  Session session;
  std::vector<Tensor> tensors;

  explicit Observer(const Graph& graph) : plan(graph, {.keep_all_values = true}), session(plan) {
    for (const TensorView& view : plan.values()) tensors.push_back({view});
    tensors.push_back({plan.inputs()[0]});
    for (Tensor& t : tensors) {
      const auto channels = static_cast<size_t>(t.view.shape.back());
      t.sums.resize(channels), t.squares.resize(channels), t.nonzero.resize(channels);
    }
  }

  /// Calls observe(tensor, its numbers, which frame) for each frame that counts.
  template <class F>
  void for_each_frame(const std::vector<ShownFrame>& frames, const Calibration::ReadInput& read_input, F&& observe) {
    std::vector<float> values;
    for_each_counted(session, frames, read_input, [&](size_t index) {
      for (Tensor& t : tensors) {
        values.clear();
        session.read(t.view, values);
        observe(t, values, index);
      }
    });
  }
};

void gather(Observer::Tensor& t, const std::vector<float>& values, size_t frame) {
  for (size_t i = 0; i < values.size(); ++i) {
    widen(t.histogram.range, values[i]);
    const size_t c = i % t.sums.size();
    t.sums[c] += values[i];
    t.squares[c] += static_cast<double>(values[i]) * values[i];
    t.nonzero[c] += values[i] != 0;
  }
  for (PatchCovariance* covariance : t.readers) covariance->add(values, frame);
}

ChannelMoments moments_of(const Observer::Tensor& t, size_t frames) {
  ChannelMoments moments;
  const double samples =
      static_cast<double>(frames) * static_cast<double>(element_count(t.view.shape)) / static_cast<double>(t.sums.size());
  for (size_t c = 0; c < t.sums.size(); ++c) {
    const double mean = t.sums[c] / samples;
    moments.mean.push_back(static_cast<float>(mean));
    moments.variance.push_back(static_cast<float>(std::max(0.0, t.squares[c] / samples - mean * mean)));
    moments.active.push_back(static_cast<float>(static_cast<double>(t.nonzero[c]) / samples));
  }
  return moments;
}

/// Recurrent layers that return their last step: what each holds after every step becomes a value too, with `/steps` behind the
/// result's name, as an integer layer writes all of them with the scale of its result.
Graph with_all_steps(Graph graph, std::vector<std::string>& last_steps) {
  const auto all_steps = [&](auto op, const Node& node) {
    if (op.return_sequences) return;
    op.return_sequences = true;
    last_steps.push_back(graph.value(node.output).name);
    append_node(graph, last_steps.back() + "/steps", op, node.inputs);
  };
  for (size_t n = 0, count = graph.nodes.size(); n < count; ++n) {
    const Node node = graph.nodes[n];
    if (const auto* lstm = std::get_if<Lstm>(&node.op)) all_steps(*lstm, node);
    if (const auto* lstm = std::get_if<ConvLstm2D>(&node.op)) all_steps(*lstm, node);
  }
  return graph;
}

}  // namespace

const PatchCovariance* Calibration::covariance(const std::string& value_name) const {
  const auto found = covariances_.find(value_name);
  return found == covariances_.end() || !found->second.is_reliable() ? nullptr : &found->second;
}

Calibration::Calibration(const Graph& graph, const CalibrationOptions& options, std::vector<ShownFrame> frames,
                         ReadInput read_input)
    : frames_(std::move(frames)),
      counted_(static_cast<size_t>(std::ranges::count_if(frames_, &ShownFrame::counts))),
      read_input_(std::move(read_input)) {
  check(counted_ > 0 && graph.inputs.size() == 1);
  std::vector<std::string> last_steps;
  Observer observer(with_all_steps(graph, last_steps));
  for (const Node& node : graph.nodes) {
    if (!PatchCovariance::fits(graph, node)) continue;
    PatchCovariance& covariance =
        covariances_.emplace(graph.value(node.output).name, PatchCovariance(graph, node)).first->second;
    for (Observer::Tensor& t : observer.tensors)
      if (t.view.name == graph.value(node.inputs[0]).name) t.readers.push_back(&covariance);
  }
  std::vector<float> outputs;
  observer.for_each_frame(frames_, read_input_, [&](Observer::Tensor& t, const std::vector<float>& values, size_t frame) {
    gather(t, values, frame);
    if (&t != &observer.tensors.back()) return;
    observer.session.read_outputs(outputs);
    output_ranges_.resize(outputs.size(), kEmpty);
    output_sums_.resize(outputs.size());
    for (size_t o = 0; o < outputs.size(); ++o) widen(output_ranges_[o], outputs[o]), output_sums_[o] += outputs[o];
  });
  for (const Observer::Tensor& t : observer.tensors)
    if (!std::isfinite(t.histogram.range.low) || !std::isfinite(t.histogram.range.high))
      throw Error("layer '" + t.view.name + "' yields a number that is not finite; the network or its preprocessing is wrong");
  if (options.method != CalibrationMethod::minmax)
    observer.for_each_frame(frames_, read_input_,
                            [](Observer::Tensor& t, const std::vector<float>& values, size_t) { count(t.histogram, values); });
  for (const Observer::Tensor& t : observer.tensors) {
    const Histogram& h = t.histogram;
    observed_[t.view.name] = h.range;
    moments_[t.view.name] = moments_of(t, counted_);
    ranges_[t.view.name] = chosen_range(h, options);
  }
  for (const std::string& name : last_steps) {
    ranges_.at(name) = ranges_.at(name + "/steps");
    observed_.at(name) = observed_.at(name + "/steps");
  }
}

std::vector<double> Calibration::mean_error(const Graph& graph) const {
  const Plan plan(graph);
  Session session(plan);
  std::vector<float> outputs;
  std::vector<double> errors(output_sums_.size());
  for_each_counted(session, frames_, read_input_, [&](size_t) {
    session.read_outputs(outputs);
    for (size_t o = 0; o < errors.size(); ++o) errors[o] += outputs[o];
  });
  for (size_t o = 0; o < errors.size(); ++o) errors[o] = (errors[o] - output_sums_[o]) / static_cast<double>(counted_);
  return errors;
}

}  // namespace slimpilot
