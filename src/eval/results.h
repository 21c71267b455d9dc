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

/// A constant of a model, and how far the result of the layer that reads it is from the reference's.
struct LayerResult {
  std::string layer, weight, shape, type;
  size_t elements = 0, zeros = 0, distinct = 0;
  double entropy_bits = 0;  // per element
  size_t bytes = 0, slim_bytes = 0;
  std::string slim_encoding;
  std::optional<double> sqnr_db;  // with matched channels; missing where the reference has no such layer
};

/// What every layer costs in int8: SQNR of the network's results when it alone is quantized, and when everything but it is.
struct LayerSensitivity {
  std::string layer;
  double alone_db = 0, without_db = 0;
};
struct Sensitivity {
  size_t frames = 0;  // compared
  double all_db = 0;  // everything is quantized
  std::vector<LayerSensitivity> layers;
  /// The layer without which int8 is closest to float32.
  const LayerSensitivity& worst() const;
};

/// `status`: "ok", "ok, …" with a remark, or "failed: …"; then the numbers are missing.
struct ModelResult {
  std::string technique, status, model_path, command;
  size_t size_bytes = 0, slim_bytes = 0;  // of the measured file, and as .slim; 0: there is none
  std::optional<LabelErrors> errors;
  std::optional<Deviation> deviation;  // from float32
  std::vector<OutputResult> outputs;
  std::optional<Latency> latency;
  std::string isa, arithmetic = "exact";
  int threads = 1;
  std::vector<LayerResult> layers;
  std::vector<DrivingResult> driving;
};

/// What all models of one run have in common.
struct RunResult {
  std::string command, model, reference;
  size_t frames = 0, calibration_frames = 0;
  std::vector<ModelResult> models;
  std::vector<SampleFrame> sample_frames;
  std::optional<Sensitivity> sensitivity;
};

/// results.json: {"command", "model", "frames", …, "techniques": [one object per model]}; numbers that are missing or not
/// finite are null. Written whole or not at all.
void write_results(const RunResult& run, const std::filesystem::path& path);

}  // namespace slimpilot
