// SPDX-License-Identifier: Apache-2.0
// What is reported of one model: the row of the table and the object in results.json.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "eval/driving.h"
#include "eval/latency.h"
#include "eval/offline.h"

namespace slimpilot {

struct OutputResult {
  std::string name;
  LabelErrors errors;
  std::optional<Deviation> deviation;
};

/// How a model drove one circuit.
struct DrivingResult {
  DrivingSummary summary;
  double control_ms = 0, latency_ms = 0;  // latency: the median of what was injected
  std::string picture;                    // of the paths: a file beside results.json
};

/// A frame as the report shows it: a file beside results.json and what its labels are.
struct SampleFrame {
  std::string file, label;
};

/// `status`: "ok", "ok, …" with a remark, or "failed: …"; then the numbers are missing.
struct ModelResult {
  std::string technique, status, model_path, command;
  size_t size_bytes = 0, slim_bytes = 0;  // of the measured file, and as .slim; 0: there is none
  std::optional<LabelErrors> errors;
  std::optional<Deviation> deviation;  // from float32
  std::vector<OutputResult> outputs;
  std::optional<Latency> latency;
  std::string isa;
  int threads = 1;
  std::vector<DrivingResult> driving;
};

/// What all models of one run have in common.
struct RunResult {
  std::string command, model, reference;
  size_t frames = 0, calibration_frames = 0;
  std::vector<ModelResult> models;
  std::vector<SampleFrame> sample_frames;
};

/// results.json: {"command", "model", "frames", …, "techniques": [one object per model]}; numbers that are missing or not
/// finite are null. Written whole or not at all.
void write_results(const RunResult& run, const std::filesystem::path& path);

}  // namespace slimpilot
