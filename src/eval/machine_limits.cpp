// SPDX-License-Identifier: Apache-2.0
// Measures the limits of one core.
#include "eval/machine_limits.h"

#include <algorithm>
#include <chrono>

namespace slimpilot {
namespace {

double seconds_now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// The best of several timings of work(), in seconds.
template <class F>
double best_seconds(F&& work) {
  double best = 1e30;
  for (int i = 0; i < 7; ++i) {
    const double start = seconds_now();
    volatile double sink = work();
    static_cast<void>(sink);
    best = std::min(best, seconds_now() - start);
  }
  return best;
}

}  // namespace

MachineLimits measure_limits(const Plan& plan) {
  const LimitLoops& loops = kernels(plan.isa()).limits;
  constexpr int64_t rounds = 200'000;
  MachineLimits limits;
  const auto gmacs = [](const LimitLoop& loop) {
    if (loop.run == nullptr) return 0.0;
    return static_cast<double>(rounds * loop.macs_per_round) / best_seconds([&] { return loop.run(rounds); }) / 1e9;
  };
  limits.real_gmacs = gmacs(loops.real);
  if (plan.arithmetic() == Arithmetic::reduced) limits.reduced_gmacs = gmacs(loops.reduced);
  limits.integer_gmacs = gmacs(loops.integer);
  size_t bytes = 0;
  for (const Step& step : plan.steps()) bytes += step.bytes;
  bytes = std::max<size_t>((bytes + 1023) / 1024 * 1024, 16384);
  const AlignedBytes buffer = aligned_bytes(bytes);
  const auto repeats = static_cast<int>(std::max<size_t>(1, (size_t{8} << 20) / bytes));
  const double seconds = best_seconds([&] {
    double sum = 0;
    for (int i = 0; i < repeats; ++i) sum += loops.read(buffer.data(), bytes);
    return sum;
  });
  limits.read_gbytes = static_cast<double>(bytes) * repeats / seconds / 1e9;
  return limits;
}

double limit_ms(const Step& step, int64_t multiply_adds, const MachineLimits& limits) {
  const bool integer =
      step.kernel.find("_s8") != std::string_view::npos || step.kernel.ends_with("_s16") || step.kernel.ends_with("_hybrid");
  const bool reduced = step.kernel.ends_with("_bf16") && limits.reduced_gmacs > 0;  // the reference has no such loop
  const double gmacs = integer ? limits.integer_gmacs : reduced ? limits.reduced_gmacs : limits.real_gmacs;
  const double compute = static_cast<double>(multiply_adds) / gmacs;
  const double memory = static_cast<double>(step.bytes) / limits.read_gbytes;
  return std::max(compute, memory) / 1e6;
}

}  // namespace slimpilot
