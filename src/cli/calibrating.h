// SPDX-License-Identifier: Apache-2.0
// Calibration as commands share it: which frames, and which method.
#pragma once

#include <optional>

#include "cli/model_options.h"
#include "eval/dataset.h"
#include "optimize/calibrate.h"

namespace slimpilot {

struct CalibratingOptions {
  std::string method = "mse";
  int frames = 100;
  double percentile = 99.99;
  uint64_t seed = 1;

  void declare(Arguments& arguments);
  /// Throws UsageError or Error for values that make no sense.
  void check_values() const;
};

/// The frames of a run: those that calibrate are never among those that are evaluated.
struct SplitFrames {
  Dataset calibration, evaluated;
};

/// Calibration takes from what --frames left out of `all` (`selected` is what it left in), or without --frames from all of
/// them: frames whose predictions by `graph` are spread; for a network with state short stretches of frames that follow each
/// other. Throws Error when there is only one frame.
SplitFrames split_frames(const CalibratingOptions& options, const Graph& graph, const Dataset& all,
                         const std::vector<FrameId>& selected);

/// Calibrates graphs with one input preparation on the same frames; a graph like the last one is not calibrated again. One with
/// state is also shown frames before those, which it only remembers.
class Calibrator {
 public:
  Calibrator(const CalibratingOptions& options, const Graph& graph, Dataset frames);
  Calibrator(const Calibrator&) = delete;

  const Calibration& operator()(const Graph& graph);
  /// What decides its results, as text.
  std::string settings() const;

 private:
  CalibratingOptions options_;
  Dataset frames_;
  FrameReader reader_;
  std::vector<ShownFrame> shown_;
  Graph last_graph_;
  std::optional<Calibration> last_;
};

}  // namespace slimpilot
