// SPDX-License-Identifier: Apache-2.0
// slimpilot bench: latency of a model and of each of its steps, beside what one core of this machine could do.
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/fastest_plan.h"
#include "cli/model_options.h"
#include "eval/latency.h"
#include "eval/machine_limits.h"
#include "optimize/passes.h"
#include "report/table.h"

namespace slimpilot {
namespace {

/// "STEP=WAY" words, over those that were measured. Throws UsageError for a word without '='.
Ways ways_of(const std::vector<StepWays>& measured, const std::vector<std::string>& wanted) {
  Ways ways = best_ways(measured);
  for (const std::string& word : wanted) {
    const size_t equals = word.rfind('=');
    if (equals == std::string::npos) throw UsageError("--way is STEP=WAY, not '" + word + "'");
    ways[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return ways;
}

/// The candidates of each step with their times; the one that is used has a star.
void explain(const std::vector<StepWays>& measured, const Ways& used) {
  std::vector<std::vector<std::string>> rows{{"step", "ways to compute it, µs"}};
  for (const StepWays& step : measured) {
    std::string text;
    for (size_t w = 0; w < step.ways.size(); ++w)
      text += fmt::format("{}{}{} {:.2f}", w > 0 ? "  " : "", step.ways[w], used.at(step.step) == step.ways[w] ? "*" : "",
                          step.microseconds[w]);
    rows.push_back({step.step, text});
  }
  fmt::print("{}\n* is used; all compute the same numbers\n\n", aligned_table(rows));
}

}  // namespace

void run_bench(int argc, char** argv) {
  std::string model;
  double seconds = 1;
  bool explained = false;
  std::vector<std::string> wanted;
  ModelOptions options;
  DataOptions data;
  Arguments arguments("bench", "latency p50 ... p99.9 of a model, and per step: time, MACs, bytes, share of this core's limit");
  arguments.positional("MODEL", model, "a model file, or random:NETWORK[:SEED]");
  arguments.option("--seconds", seconds, "how long to measure");
  arguments.option("--explain", explained, "show what the kernels that were tried for each step took");
  arguments.option("--way", wanted, "STEP=WAY: the kernel of a step instead of the fastest, as --explain names them");
  data.declare(arguments);
  options.declare(arguments);
  arguments.parse(argc, argv);
  if (!(seconds > 0 && seconds <= 3600)) throw UsageError("--seconds must be above 0 and at most 3600");

  Graph graph = load_model(model, options);
  std::vector<FrameId> selected;
  std::optional<Dataset> dataset;
  if (!data.recordings.empty()) {
    dataset = load_dataset(data, options, graph, selected);
    dataset->frames = selected;
  }
  graph = simplify(std::move(graph));
  const std::vector<StepWays> measured = measured_ways(graph, dataset ? &*dataset : nullptr);
  const Ways ways = ways_of(measured, wanted);
  const Plan plan(graph, {.ways = ways});
  const auto inputs = timing_inputs(plan, graph.preprocessing, dataset ? &*dataset : nullptr);
  const Latency latency = measure_latency(plan, inputs, {.seconds = seconds});
  const std::vector<double> steps = measure_steps(plan, inputs, std::max<size_t>(20, latency.runs / 4));
  const MachineLimits limits = measure_limits(plan);

  fmt::print("{}: {}, 1 thread, {} runs on {}\n", model, isa_name(plan.isa()), latency.runs,
             dataset ? "recorded frames" : "random pixels");
  fmt::print("ms: median {}  p90 {}  p99 {}  p99.9 {}\n", milliseconds(latency.p50_ms), milliseconds(latency.p90_ms),
             milliseconds(latency.p99_ms), milliseconds(latency.p999_ms));
  fmt::print("this core: {:.0f} GMAC/s f32, {:.0f} GMAC/s int8, {:.0f} GB/s read; arena {} MB\n\n", limits.real_gmacs,
             limits.integer_gmacs, limits.read_gbytes, megabytes(plan.arena_bytes()));
  if (explained) explain(measured, ways);
  const std::vector<double> zeros = zero_shares(graph, inputs);
  std::vector<std::vector<std::string>> rows{{"step", "kernel", "way", "µs", "MMAC", "kB", "% zero", "% of limit"}};
  for (size_t s = 0; s < steps.size(); ++s) {
    const Step& step = plan.steps()[s];
    rows.push_back({step.name, std::string(step.kernel), std::string(step.way), fmt::format("{:.2f}", 1000 * steps[s]),
                    fmt::format("{:.3f}", static_cast<double>(step.multiply_adds) / 1e6),
                    fmt::format("{:.1f}", static_cast<double>(step.bytes) / 1024), fmt::format("{:.0f}", 100 * zeros[s]),
                    fmt::format("{:.0f}", 100 * limit_ms(step, limits) / steps[s])});
  }
  fmt::print(
      "{}\nkB: activations and weights as they are stored; % zero: of the inputs, whose weights some dense kernels skip\n"
      "% of limit: all multiply-adds at full rate or all bytes at full bandwidth; above 100 where weights are skipped\n",
      aligned_table(rows));
}

}  // namespace slimpilot
