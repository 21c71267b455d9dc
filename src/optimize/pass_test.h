// SPDX-License-Identifier: Apache-2.0
// What the tests of passes share: small networks with random weights, running them, and calibrating on random frames.
#pragma once

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/stats.h"
#include "engine/session_test.h"
#include "graph/edit.h"
#include "optimize/calibrate.h"
#include "optimize/recipes.h"

namespace slimpilot {

inline std::vector<float> random_floats(Random& random, int64_t count, double low, double high) {
  std::vector<float> numbers(static_cast<size_t>(count));
  for (float& x : numbers) x = static_cast<float>(random.uniform(low, high));
  return numbers;
}

/// Adds layers with random weights one behind the other.
class TestNetwork {
 public:
  explicit TestNetwork(Shape input, uint64_t seed = 1) : random_(seed) {
    graph_.name = "test";
    last_ = add_value(graph_, "image", std::move(input));
    graph_.inputs = {last_};
  }

  ValueId constant(const std::string& name, Shape shape, double low, double high) {
    const auto numbers = random_floats(random_, element_count(shape), low, high);
    return add_constant(graph_, name, std::move(shape), numbers);
  }
  TestNetwork& node(const std::string& name, Op op, std::vector<ValueId> constants = {}) {
    constants.insert(constants.begin(), last_);
    last_ = append_node(graph_, name, std::move(op), std::move(constants));
    return *this;
  }
  TestNetwork& conv(const std::string& name, int filters, int kernel, Conv2D op = {}) {
    const int channels = shape()[3];
    const double limit = 1.5 / std::sqrt(kernel * kernel * channels);
    const ValueId w = constant(name + "/kernel", {filters, kernel, kernel, channels}, -limit, limit);
    return node(name, op, {w, constant(name + "/bias", {filters}, -.2, .2)});
  }
  TestNetwork& dense(const std::string& name, int units) {
    const int inputs = shape()[1];
    const double limit = 1.5 / std::sqrt(inputs);
    const ValueId w = constant(name + "/kernel", {units, inputs}, -limit, limit);
    return node(name, Dense{}, {w, constant(name + "/bias", {units}, -.2, .2)});
  }
  TestNetwork& batch_norm(const std::string& name) {
    const int c = shape().back();
    const ValueId gamma = constant(name + "/gamma", {c}, .5, 2), beta = constant(name + "/beta", {c}, -1, 1);
    const ValueId mean = constant(name + "/mean", {c}, -1, 1), variance = constant(name + "/variance", {c}, .2, 3);
    return node(name, BatchNorm{}, {gamma, beta, mean, variance});
  }
  TestNetwork& conv_lstm(const std::string& name, int filters, int kernel, ConvLstm2D op = {}) {
    const int channels = shape()[4];
    const ValueId w = constant(name + "/kernel", {4 * filters, kernel, kernel, channels}, -.4, .4);
    const ValueId r = constant(name + "/recurrent_kernel", {4 * filters, kernel, kernel, filters}, -.4, .4);
    return node(name, op, {w, r, constant(name + "/bias", {4 * filters}, -.5, .5)});
  }
  TestNetwork& lstm(const std::string& name, int units, Lstm op = {}) {
    const ValueId w = constant(name + "/kernel", {4 * units, shape()[2]}, -.4, .4);
    const ValueId r = constant(name + "/recurrent_kernel", {4 * units, units}, -.4, .4);
    return node(name, op, {w, r, constant(name + "/bias", {4 * units}, -.5, .5)});
  }
  TestNetwork& activation(const std::string& name, ActivationKind kind) { return node(name, Activation{kind}); }
  TestNetwork& flatten() { return node("flatten", Reshape{{1, static_cast<int>(element_count(shape()))}}); }

  const Shape& shape() const { return graph_.value(last_).shape; }
  ValueId last() const { return last_; }
  Graph& graph() { return graph_; }
  Graph finish() {
    graph_.outputs = {last_};
    verify(graph_);
    return graph_;
  }

 private:
  Graph graph_;
  Random random_;
  ValueId last_;
};

/// `count` inputs of random numbers in [low, high).
inline std::vector<std::vector<float>> random_inputs(const Graph& graph, size_t count, double low, double high, uint64_t seed) {
  Random random(seed);
  std::vector<std::vector<float>> inputs;
  for (size_t i = 0; i < count; ++i)
    inputs.push_back(random_floats(random, element_count(graph.value(graph.inputs[0]).shape), low, high));
  return inputs;
}

/// The largest difference of the outputs, as a part of the largest output.
inline double relative_difference(const Graph& a, const Graph& b, const std::vector<std::vector<float>>& inputs) {
  const Plan plan_a(a), plan_b(b);
  double difference = 0, largest = 0;
  for (const auto& input : inputs) {
    const auto x = outputs_of(plan_a, input), y = outputs_of(plan_b, input);
    if (x.size() != y.size()) return INFINITY;
    for (size_t i = 0; i < x.size(); ++i) {
      difference = std::max(difference, static_cast<double>(std::abs(x[i] - y[i])));
      largest = std::max(largest, static_cast<double>(std::abs(x[i])));
    }
  }
  return difference / largest;
}

/// Signal-to-quantization-noise ratio of `graph` against `reference`.
inline double sqnr_of(const Graph& reference, const Graph& graph, const std::vector<std::vector<float>>& inputs) {
  const Plan exact(reference), rounded(graph);
  double signal = 0, noise = 0;
  for (const auto& input : inputs) {
    const auto x = outputs_of(exact, input), y = outputs_of(rounded, input);
    for (size_t i = 0; i < x.size(); ++i)
      signal += static_cast<double>(x[i]) * x[i], noise += std::pow(static_cast<double>(x[i]) - y[i], 2);
  }
  return sqnr_db(signal, noise);
}

/// Trains nothing.
struct IdleTuner : FineTuner {
  Graph tune(const Graph& graph, const TuneOptions&) override { return graph; }
};

/// The first `count` frames of a drive.
inline std::vector<ShownFrame> first_frames(size_t count) {
  std::vector<FrameId> frames;
  for (size_t i = 0; i < count; ++i) frames.push_back({0, i});
  return shown_frames(frames, 0);
}

inline Calibration calibrated(const Graph& graph, const std::vector<std::vector<float>>& inputs,
                              CalibrationOptions options = {}) {
  return Calibration(graph, options, first_frames(inputs.size()), [inputs](const FrameId& id, std::span<float> target) {
    std::copy(inputs[id.frame].begin(), inputs[id.frame].end(), target.begin());
  });
}

/// The named technique, calibrated on `inputs`, without its training.
inline Graph technique(const std::string& name, const Graph& graph, const std::vector<std::vector<float>>& inputs) {
  IdleTuner tuner;
  std::optional<Calibration> calibration;
  const auto calibrate = [&](const Graph& g) -> const Calibration& { return calibration.emplace(calibrated(g, inputs)); };
  return run_recipe(find_techniques(standard_techniques(), {name})[0].steps, {calibrate, &tuner, &graph});
}

}  // namespace slimpilot
