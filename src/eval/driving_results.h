// SPDX-License-Identifier: Apache-2.0
// The results of closed-loop drives: what the table shows and the JSON file holds.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "eval/driving.h"

namespace slimpilot {

/// All drives of one driver on one circuit. metrics[i] belongs to episodes[i].
struct CircuitDrives {
  std::string circuit;
  std::optional<double> sweep_ms;  // the period or latency of this point of a sweep
  std::vector<Episode> episodes;
  std::vector<DrivingMetrics> metrics;
  DrivingSummary summary;
};

struct DrivingRun {
  std::string command, driver;
  double control_ms = 0;
  std::vector<double> latency_ms;  // what was drawn from
  std::vector<CircuitDrives> circuits;
};

/// {"command", "driver", …, "circuits": [{"circuit", "success_rate", …, "episodes": [one object per drive]}]}. Written whole or
/// not at all.
void write_driving_results(const DrivingRun& run, const std::filesystem::path& path);

}  // namespace slimpilot
