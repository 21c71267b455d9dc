// SPDX-License-Identifier: Apache-2.0
// results.json as the report reads it: what eval/results.h writes, and files of older and newer versions, where most things may
// be missing.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace slimpilot {

using MaybeNumber = std::optional<double>;  // null and missing are the same

struct ReportErrors {
  MaybeNumber mse, mae, sqnr_db, max_difference;
};

struct ReportOutput {
  std::string name;
  ReportErrors errors;
};

/// Drives of one technique on one circuit. `picture`: a file, relative to the folder of results.json, or empty.
struct ReportDriving {
  std::string circuit, picture;
  MaybeNumber drives, drives_finished, success_low, success_high, lap_seconds, average_speed, lateral_error_mean_m,
      lateral_error_p95_m, lateral_error_max_m, off_road_events, control_ms, latency_ms;
};

struct ReportLayer {
  std::string layer, weight, shape, type, slim_encoding;
  MaybeNumber elements, zeros, distinct, entropy_bits, bytes, slim_bytes, sqnr_db;
};

struct ReportTechnique {
  std::string name, status, command, isa, arithmetic;
  MaybeNumber size_bytes, slim_bytes, latency_ms_p50, latency_ms_p99, threads;
  ReportErrors errors;
  std::vector<ReportOutput> outputs;
  std::vector<ReportLayer> layers;
  std::vector<ReportDriving> driving;
};

struct ReportFrame {
  std::string file, label;
};

struct ReportSensitivity {
  std::string layer;
  MaybeNumber alone_db, without_db;
};

struct ReportData {
  std::string command, model, reference;
  MaybeNumber frames, calibration_frames;
  std::vector<ReportTechnique> techniques;
  std::vector<ReportFrame> sample_frames;
  MaybeNumber all_int8_db;  // of `sensitivity`
  std::string most_sensitive;
  std::vector<ReportSensitivity> sensitivity;
};

/// Throws Error "FILE: PLACE: …" when the file is no JSON, has no list of techniques, or a part has the wrong type. Files that
/// it names must lie in its folder; whether they exist is not checked.
ReportData read_report_data(const std::filesystem::path& results_json);

}  // namespace slimpilot
