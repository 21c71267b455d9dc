// SPDX-License-Identifier: Apache-2.0
// One plan with the first way of every step, one with the second, …: each step is timed where it stands in the network, with
// the caches as the steps before leave them.
#include "engine/choose_ways.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "engine/session.h"

namespace slimpilot {
namespace {

using Clock = std::chrono::steady_clock;

/// Time of each step in µs: mean over the inputs of the least.
std::vector<double> step_times(const Plan& plan, std::span<const std::vector<std::byte>> inputs, int runs) {
  Session session(plan);
  const size_t steps = plan.steps().size();
  std::vector<double> least(steps * inputs.size(), std::numeric_limits<double>::infinity());
  for (int run = 0; run < runs; ++run)
    for (size_t i = 0; i < inputs.size(); ++i) {
      check(session.input().size() == inputs[i].size());
      std::memcpy(session.input().data(), inputs[i].data(), inputs[i].size());
      for (size_t s = 0; s < steps; ++s) {
        const auto start = Clock::now();
        session.run_step(s);
        double& time = least[i * steps + s];
        time = std::min(time, std::chrono::duration<double, std::micro>(Clock::now() - start).count());
      }
    }
  std::vector<double> mean(steps);
  for (size_t i = 0; i < least.size(); ++i) mean[i % steps] += least[i] / static_cast<double>(inputs.size());
  return mean;
}

}  // namespace

std::vector<StepWays> measure_ways(const Graph& graph, const Plan& plan, std::span<const std::vector<std::byte>> inputs,
                                   int runs) {
  std::vector<StepWays> measured;
  std::vector<size_t> place;  // of each measured step in the plan
  size_t most = 0;
  for (size_t i = 0; i < plan.steps().size(); ++i) {
    const Step& step = plan.steps()[i];
    if (step.ways.size() < 2) continue;
    measured.push_back({.step = step.name, .ways = step.ways, .microseconds = {}});
    place.push_back(i);
    most = std::max(most, step.ways.size());
  }
  for (size_t way = 0; way < most; ++way) {
    PlanOptions options = plan.options();
    for (const StepWays& step : measured) options.ways[step.step] = step.ways[std::min(way, step.ways.size() - 1)];
    const std::vector<double> times = step_times(Plan(graph, options), inputs, runs);
    for (size_t s = 0; s < measured.size(); ++s)
      if (way < measured[s].ways.size()) measured[s].microseconds.push_back(times[place[s]]);
  }
  for (StepWays& step : measured)
    step.best = static_cast<size_t>(std::ranges::min_element(step.microseconds) - step.microseconds.begin());
  return measured;
}

Ways best_ways(const std::vector<StepWays>& measured) {
  Ways ways;
  for (const StepWays& step : measured) ways[step.step] = step.ways[step.best];
  return ways;
}

}  // namespace slimpilot
