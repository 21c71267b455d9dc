// SPDX-License-Identifier: Apache-2.0
// Latency measurements.
#include "eval/latency.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/error.h"
#include "base/random.h"
#include "base/stats.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

double now_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void set_input(Session& session, const std::vector<std::byte>& input) {
  const auto target = session.input();
  check(input.size() == target.size());
  std::memcpy(target.data(), input.data(), input.size());
}

}  // namespace

Latency measure_latency(const Plan& plan, const std::vector<std::vector<std::byte>>& inputs, const LatencyOptions& options) {
  check(!inputs.empty());
  Session session(plan);
  Random random(options.seed);
  const auto timed_run = [&] {
    set_input(session, inputs[random.below(inputs.size())]);
    const double start = now_ms();
    session.run();
    return now_ms() - start;
  };
  for (size_t i = 0; i < options.warmup_runs; ++i) timed_run();
  std::vector<double> times;
  const double end = now_ms() + 1000 * options.seconds;
  while (times.size() < options.most_runs && (times.size() < options.least_runs || now_ms() < end))
    times.push_back(timed_run());
  return {quantile(times, .5), quantile(times, .9), quantile(times, .99), quantile(times, .999), times.size()};
}

std::vector<double> measure_steps(const Plan& plan, const std::vector<std::vector<std::byte>>& inputs, size_t runs) {
  Session session(plan);
  Random random(1);
  std::vector<std::vector<double>> times(plan.steps().size());
  for (size_t i = 0; i < runs; ++i) {
    set_input(session, inputs[random.below(inputs.size())]);
    double start = now_ms();
    for (size_t s = 0; s < times.size(); ++s) {
      session.run_step(s);
      const double end = now_ms();
      times[s].push_back(end - start);
      start = end;
    }
  }
  std::vector<double> medians;
  for (const auto& t : times) medians.push_back(quantile(t, .5));
  return medians;
}

std::vector<double> zero_shares(const Graph& graph, std::span<const std::vector<std::byte>> inputs) {
  const Plan plan(graph, {.keep_all_values = true});
  std::vector<const TensorView*> operands;
  for (const Step& step : plan.steps()) {
    const auto node = std::ranges::find_if(graph.nodes, [&](const Node& n) { return n.name == step.name; });
    const int producer = producer_of(graph, node->inputs[0]);
    operands.push_back(producer < 0 ? &plan.inputs()[0] : &plan.values()[static_cast<size_t>(producer)]);
  }
  Session session(plan);
  std::vector<double> shares(operands.size());
  std::vector<float> numbers;
  for (const auto& input : inputs) {
    set_input(session, input);
    session.run();
    for (size_t s = 0; s < shares.size(); ++s) {
      numbers.clear();
      session.read(*operands[s], numbers);
      const auto zeros = static_cast<double>(std::ranges::count(numbers, 0.0f));
      shares[s] += zeros / static_cast<double>(numbers.size() * inputs.size());
    }
  }
  return shares;
}

}  // namespace slimpilot
