// SPDX-License-Identifier: Apache-2.0
// What is reported of one model: the row of the table and the object in results.json.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "eval/latency.h"
#include "eval/offline.h"

namespace slimpilot {

struct OutputResult {
  std::string name;
  LabelErrors errors;
  std::optional<Deviation> deviation;
};

/// `status`: "ok", "ok, …" with a remark, or "failed: …"; then the numbers are missing.
struct ModelResult {
  std::string technique, status, model_path, command;
  size_t size_bytes = 0;
  std::optional<LabelErrors> errors;
  std::optional<Deviation> deviation;  // from float32
  std::vector<OutputResult> outputs;
  std::optional<Latency> latency;
  std::string isa;
  int threads = 1;
};

/// What all models of one run have in common.
struct RunResult {
  std::string command, model, reference;
  size_t frames = 0, calibration_frames = 0;
  std::vector<ModelResult> models;
};

/// results.json: {"command", "model", "frames", …, "techniques": [one object per model]}; numbers that are missing or not
/// finite are null. Written whole or not at all.
void write_results(const RunResult& run, const std::filesystem::path& path);

}  // namespace slimpilot
