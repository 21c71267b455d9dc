// SPDX-License-Identifier: Apache-2.0
// slimpilot bench: latency of a model and of each of its steps, beside what one core of this machine could do.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/random.h"
#include "cli/commands.h"
#include "cli/fastest_plan.h"
#include "cli/model_options.h"
#include "eval/latency.h"
#include "eval/machine_limits.h"
#include "graph/input_images.h"
#include "host/image_file.h"
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

constexpr size_t kCameraFrames = 32;

/// Some of the dataset's, all of one recording and so of one size.
std::vector<Image> recorded_frames(const Dataset& dataset) {
  Random random(1);
  std::vector<Image> frames;
  while (frames.size() < kCameraFrames) {
    const size_t i = random.below(dataset.size());
    if (dataset.frames[i].recording == dataset.frames[0].recording) frames.push_back(read_image(dataset.frame(i).image));
  }
  return frames;
}

/// Random pixels of a camera's size that the network takes.
std::vector<Image> random_frames(const Preprocessing& preprocessing, const Shape& input) {
  Random random(1);
  std::vector<Image> frames(kCameraFrames);
  const InputImages images = required_images(input);
  for (Image& frame : frames) {
    frame.height = std::max(preprocessing.resize ? 480 : images.height, preprocessing.crop_bottom);
    frame.width = preprocessing.resize ? 640 : images.width;
    frame.pixels.resize(static_cast<size_t>(frame.height) * static_cast<size_t>(frame.width) * 3);
    for (uint8_t& pixel : frame.pixels) pixel = static_cast<uint8_t>(random.below(256));
  }
  return frames;
}

void print_camera_latency(const Graph& graph, const Plan& plan, const Dataset* dataset, size_t runs) {
  const Shape& input = graph.value(graph.inputs[0]).shape;
  const std::vector<Image> frames = dataset ? recorded_frames(*dataset) : random_frames(graph.preprocessing, input);
  const auto [frame, loop] = measure_camera_latency(plan, graph.preprocessing, frames, runs);
  fmt::print("camera frame ({}x{}) to commands, ms: median {}  p99 {}  p99.9 {}; {} runs, p99.9/median {:.2f}\n",
             frames[0].width, frames[0].height, milliseconds(frame.p50_ms), milliseconds(frame.p99_ms),
             milliseconds(frame.p999_ms), runs, frame.p999_ms / frame.p50_ms);
  fmt::print("a fixed loop in turn with it, ms: median {}  p99 {}  p99.9 {}; p99.9/median {:.2f}\n", milliseconds(loop.p50_ms),
             milliseconds(loop.p99_ms), milliseconds(loop.p999_ms), loop.p999_ms / loop.p50_ms);
}

}  // namespace

void run_bench(int argc, char** argv) {
  std::string model;
  double seconds = 1;
  size_t camera_runs = 1000;
  EngineOptions engine;
  bool explained = false;
  std::vector<std::string> wanted;
  ModelOptions options;
  DataOptions data;
  Arguments arguments("bench", "latency p50 ... p99.9 of a model, and per step: time, MACs, bytes, share of this core's limit");
  arguments.positional("MODEL", model, "a model file, or random:NETWORK[:SEED]");
  arguments.option("--seconds", seconds, "how long to measure");
  arguments.option("--camera-runs", camera_runs, "how many times to measure from camera frame to commands");
  engine.declare(arguments);
  arguments.option("--explain", explained, "show what the kernels that were tried for each step took");
  arguments.option("--way", wanted, "STEP=WAY: the kernel of a step instead of the fastest, as --explain names them");
  data.declare(arguments);
  options.declare(arguments);
  arguments.parse(argc, argv);
  if (!(seconds > 0 && seconds <= 3600)) throw UsageError("--seconds must be above 0 and at most 3600");
  PlanOptions plan_options = engine.plan_options();
  if (camera_runs < 1 || camera_runs > 10'000'000) throw UsageError("--camera-runs must be 1 to 10000000");

  Graph graph = load_model_for_frames(model, options);
  std::vector<FrameId> selected;
  std::optional<Dataset> dataset;
  if (!data.recordings.empty()) {
    dataset = load_dataset(data, options, graph, selected);
    dataset->frames = selected;
  }
  graph = simplify(std::move(graph));
  const std::vector<StepWays> measured = measured_ways(graph, dataset ? &*dataset : nullptr, plan_options);
  plan_options.ways = ways_of(measured, wanted);
  const Plan plan(graph, plan_options);
  const auto inputs = timing_inputs(plan, graph.preprocessing, dataset ? &*dataset : nullptr);
  const Latency latency = measure_latency(plan, inputs, {.seconds = seconds});
  const std::vector<double> steps = measure_steps(plan, inputs, std::max<size_t>(20, latency.runs / 4));
  const MachineLimits limits = measure_limits(plan);

  fmt::print("{}: {}, {} thread{}, {} arithmetic, {} runs on {}\n", model, isa_name(plan.isa()), engine.threads,
             engine.threads > 1 ? "s" : "", engine.arithmetic, latency.runs, dataset ? "recorded frames" : "random pixels");
  fmt::print("ms: median {}  p90 {}  p99 {}  p99.9 {}\n", milliseconds(latency.p50_ms), milliseconds(latency.p90_ms),
             milliseconds(latency.p99_ms), milliseconds(latency.p999_ms));
  print_camera_latency(graph, plan, dataset ? &*dataset : nullptr, camera_runs);
  const std::string reduced = limits.reduced_gmacs > 0 ? fmt::format(" {:.0f} GMAC/s bf16,", limits.reduced_gmacs) : "";
  fmt::print("this core: {:.0f} GMAC/s f32,{} {:.0f} GMAC/s int8, {:.0f} GB/s read; arena {} MB\n\n", limits.real_gmacs,
             reduced, limits.integer_gmacs, limits.read_gbytes, megabytes(plan.arena_bytes()));
  if (explained) explain(measured, plan_options.ways);
  const std::vector<double> zeros = zero_shares(graph, inputs);
  const std::vector<StepTime> full = measure_steps_without_zeros(graph, plan, std::clamp<size_t>(latency.runs / 20, 5, 200));
  const auto us = [](double ms) { return fmt::format("{:.2f}", 1000 * ms); };
  const auto percent = [](double share) { return fmt::format("{:.0f}", 100 * share); };
  std::vector<std::vector<std::string>> rows{
      {"step", "kernel", "way", "µs", "MMAC", "kB", "% zero", "µs, no zero", "% of limit", "nominal"}};
  double limit = 0, nominal = 0, all_full = 0;
  for (size_t s = 0; s < steps.size(); ++s) {
    const Step& step = plan.steps()[s];
    const double least = limit_ms(step, full[s].issued, limits), least_nominal = limit_ms(step, step.multiply_adds, limits);
    limit += least, nominal += least_nominal, all_full += full[s].ms;
    const std::string others = step.others > 0 ? fmt::format(" and {} more", step.others) : "";
    rows.push_back({step.name + others, std::string(step.kernel), std::string(step.way), us(steps[s]),
                    fmt::format("{:.3f}", static_cast<double>(step.multiply_adds) / 1e6),
                    fmt::format("{:.1f}", static_cast<double>(step.bytes) / 1024), percent(zeros[s]), us(full[s].ms),
                    percent(least / full[s].ms), percent(least_nominal / full[s].ms)});
  }
  const double all = std::accumulate(steps.begin(), steps.end(), 0.0);
  rows.push_back({"all", "", "", us(all), "", "", "", us(all_full), percent(limit / all_full), percent(nominal / all_full)});
  fmt::print("{}\nkB: activations and weights as they are stored; % zero: of the inputs, which some kernels leave out\n",
             aligned_table(rows));
  fmt::print(
      "no zero: the fastest way when no input is zero; % of limit: of that, by all multiply-adds, padding of vectors and tiles "
      "included, or all bytes at one core's full rate; nominal: without padding\n");
}

}  // namespace slimpilot
