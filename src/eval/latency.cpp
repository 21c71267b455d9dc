// SPDX-License-Identifier: Apache-2.0
// Latency measurements.
#include "eval/latency.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/random.h"
#include "base/stats.h"
#include "engine/frame_input.h"
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

Latency summary(const std::vector<double>& times) {
  return {quantile(times, .5), quantile(times, .9), quantile(times, .99), quantile(times, .999), times.size()};
}

template <class F>
double ms_of(F&& work) {
  const double start = now_ms();
  work();
  return now_ms() - start;
}

}  // namespace

Latency measure_latency(const Plan& plan, const std::vector<std::vector<std::byte>>& inputs, const LatencyOptions& options) {
  check(!inputs.empty());
  Session session(plan);
  Random random(options.seed);
  const auto timed_run = [&] {
    set_input(session, inputs[random.below(inputs.size())]);
    return ms_of([&] { session.run(); });
  };
  for (size_t i = 0; i < options.warmup_runs; ++i) timed_run();
  std::vector<double> times;
  const double end = now_ms() + 1000 * options.seconds;
  while (times.size() < options.most_runs && (times.size() < options.least_runs || now_ms() < end))
    times.push_back(timed_run());
  return summary(times);
}

CameraLatency measure_camera_latency(const Plan& plan, const Preprocessing& preprocessing, std::span<const Image> frames,
                                     size_t runs) {
  check(!frames.empty());
  constexpr size_t warmup_runs = 50;
  constexpr int64_t calibration_rounds = 100'000;
  Session session(plan);
  FrameInput camera(preprocessing, plan.inputs()[0], frames[0].height, frames[0].width, plan.isa());
  std::vector<float> commands;
  Random random(1);
  const auto frame_ms = [&] {
    const Image& frame = frames[random.below(frames.size())];
    return ms_of([&] {
      camera.prepare(frame.pixels, session.input());
      session.run();
      session.read_outputs(commands);
    });
  };
  const auto loop_ms = [&](int64_t rounds) {
    return ms_of([&] {
      volatile double sink = kernels(plan.isa()).limits.integer.run(rounds);
      static_cast<void>(sink);
    });
  };
  std::vector<double> frame_times, loop_times;
  for (size_t i = 0; i < warmup_runs; ++i) {
    frame_times.push_back(frame_ms());
    loop_times.push_back(loop_ms(calibration_rounds));
  }
  const double rounds = static_cast<double>(calibration_rounds) * quantile(frame_times, .5) / quantile(loop_times, .5);
  frame_times.clear(), loop_times.clear();
  for (size_t i = 0; i < runs; ++i) {
    frame_times.push_back(frame_ms());
    loop_times.push_back(loop_ms(std::max<int64_t>(1, static_cast<int64_t>(rounds))));
  }
  return {summary(frame_times), summary(loop_times)};
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

namespace {

/// The first operand of each step of a plan that keeps all values.
std::vector<const TensorView*> first_operands(const Graph& graph, const Plan& plan) {
  std::vector<const TensorView*> operands;
  for (const Step& step : plan.steps()) {
    const auto node = std::ranges::find_if(graph.nodes, [&](const Node& n) { return n.name == step.name; });
    const int producer = producer_of(graph, node->inputs[0]);
    operands.push_back(producer < 0 ? &plan.inputs()[0] : &plan.values()[static_cast<size_t>(producer)]);
  }
  return operands;
}

template <class T>
void fill_nonzero(std::span<std::byte> bytes, int zero_point, Random& random) {
  for (size_t i = 0; i < bytes.size() / sizeof(T); ++i) {
    const double magnitude = random.uniform(1, 100);
    reinterpret_cast<T*>(bytes.data())[i] = static_cast<T>(zero_point <= 0 ? zero_point + magnitude : zero_point - magnitude);
  }
}

/// Numbers of the tensor's type, none of which stands for zero.
std::vector<std::byte> nonzero_numbers(const TensorView& tensor, Random& random) {
  std::vector<std::byte> bytes(tensor.bytes());
  const int zero_point = tensor.type == ElementType::f32 ? 0 : tensor.quantization.zero_point[0];
  switch (tensor.type) {
    case ElementType::f32: fill_nonzero<float>(bytes, zero_point, random); break;
    case ElementType::s8: fill_nonzero<int8_t>(bytes, zero_point, random); break;
    case ElementType::s16: fill_nonzero<int16_t>(bytes, zero_point, random); break;
    default: check(false);
  }
  return bytes;
}

}  // namespace

std::vector<StepTime> measure_steps_without_zeros(const Graph& graph, const Plan& plan, size_t runs) {
  std::vector<StepTime> best(plan.steps().size(), {std::numeric_limits<double>::infinity(), 0});
  size_t most = 1;
  for (const Step& step : plan.steps()) most = std::max(most, step.ways.size());
  for (size_t way = 0; way < most; ++way) {
    PlanOptions options = plan.options();
    options.keep_all_values = true;
    for (const Step& step : plan.steps())
      if (step.ways.size() > 1) options.ways[step.name] = step.ways[std::min(way, step.ways.size() - 1)];
    const Plan candidate(graph, options);
    Session session(candidate);
    Random random(1);
    const auto operands = first_operands(graph, candidate);
    std::vector<std::vector<std::byte>> numbers;
    for (const TensorView* operand : operands) numbers.push_back(nonzero_numbers(*operand, random));
    std::vector<std::vector<double>> times(best.size());
    for (size_t run = 0; run < runs; ++run)
      for (size_t s = 0; s < best.size(); ++s) {
        std::ranges::copy(numbers[s], session.bytes(*operands[s]).begin());
        times[s].push_back(ms_of([&] { session.run_step(s); }));
      }
    for (size_t s = 0; s < best.size(); ++s)
      if (const double ms = quantile(times[s], .5); ms < best[s].ms) best[s] = {ms, candidate.steps()[s].issued};
  }
  return best;
}

std::vector<double> zero_shares(const Graph& graph, std::span<const std::vector<std::byte>> inputs) {
  const Plan plan(graph, {.keep_all_values = true});
  const auto operands = first_operands(graph, plan);
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
