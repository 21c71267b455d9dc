// SPDX-License-Identifier: Apache-2.0
#include "cli/calibrating.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/random.h"
#include "eval/offline.h"
#include "optimize/calibration_frames.h"
#include "training/settings.h"

namespace slimpilot {
namespace {

constexpr size_t kMostCandidates = 4000;  // frames among which those for calibration are chosen
// Of networks with state:
constexpr size_t kStretch = 5;         // chosen frames that follow each other, so that those before need not be shown for each
constexpr size_t kFramesBefore = 100;  // shown before them: 5 s of a camera's frames, of which a forget gate of .95 leaves .6 %

}  // namespace

void CalibratingOptions::declare(Arguments& arguments) {
  arguments.option("--calibration", method, "how integer ranges are found: minmax, percentile, mse or entropy");
  arguments.option("--calibration-frames", frames, "frames that calibrate; never those that are evaluated");
  arguments.option("--percentile", percentile, "percent of numbers that --calibration percentile keeps");
  arguments.option("--seed", seed, "chooses the calibration frames; the first seed of drives, that of training");
}

void CalibratingOptions::check_values() const {
  if (frames < 1) throw UsageError("--calibration-frames must be at least 1");
  if (!(percentile > 50 && percentile <= 100)) throw UsageError("--percentile must be above 50 and at most 100");
  calibration_method(method);
}

SplitFrames split_frames(const CalibratingOptions& options, const Graph& graph, const Dataset& all,
                         const std::vector<FrameId>& selected) {
  const Plan plan(graph);
  const bool remembers = !plan.states().empty();
  const bool all_selected = selected.size() == all.frames.size();
  SplitFrames split{all, all};
  std::vector<FrameId>& candidates = split.calibration.frames;
  if (!all_selected) candidates = without(all.frames, selected);
  if (all_selected && candidates.size() < 2)
    throw Error("there is only one frame; calibration and evaluation need different ones");
  if (candidates.size() > kMostCandidates) {
    Random(options.seed).shuffle(std::span(candidates));
    candidates.resize(kMostCandidates);
    if (remembers) std::ranges::sort(candidates);
  }
  const Predictions predictions =
      predict(plan, graph.preprocessing, split.calibration, "choosing calibration frames", progress_output());
  const size_t most = all_selected ? candidates.size() / 2 : candidates.size();  // as many are left to evaluate
  const size_t count = std::min(static_cast<size_t>(options.frames), most);
  std::vector<FrameId> chosen;
  for (const size_t i : choose_calibration_frames(predictions, count, options.seed, remembers ? kStretch : 1))
    chosen.push_back(candidates[i]);
  split.evaluated.frames = without(selected, chosen);
  candidates = std::move(chosen);
  return split;
}

Calibrator::Calibrator(const CalibratingOptions& options, const Graph& graph, Dataset frames)
    : options_(options),
      frames_(std::move(frames)),
      reader_(frames_, graph.preprocessing, Plan(graph).inputs()[0], selected_isa()),
      shown_(shown_frames(frames_.frames, Plan(graph).states().empty() ? 0 : kFramesBefore)) {}

const Calibration& Calibrator::operator()(const Graph& graph) {
  if (last_ && graph == last_graph_) return *last_;
  const CalibrationOptions how{calibration_method(options_.method), options_.percentile};
  const auto read = [this](const FrameId& id, std::span<float> target) {
    check_cancelled();
    reader_.read(id, std::as_writable_bytes(target));
  };
  last_.emplace(graph, how, shown_, read);
  last_graph_ = graph;
  return *last_;
}

std::string Calibrator::settings() const {
  return fmt::format("calibration: {} {} of {}\n", options_.method, options_.percentile, dataset_text(frames_));
}

}  // namespace slimpilot
