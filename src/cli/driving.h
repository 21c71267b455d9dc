// SPDX-License-Identifier: Apache-2.0
// Driving as commands share it: which circuits, from where, how often, with what delays.
#pragma once

#include <filesystem>
#include <optional>

#include "cli/model_options.h"
#include "eval/driver.h"
#include "eval/driving_results.h"
#include "sim/circuits.h"

namespace slimpilot {

struct DrivingOptions {
  std::vector<std::string> circuits;
  int starts = 1, seeds = 1;
  bool both_directions = false;
  double start_m = 0, control_ms = 50, command_ms = 0, camera_hz = 20, camera_phase_ms = 25, lag_ms = 0, max_speed = 0,
         max_turn = 0, max_acceleration = 0, timeout_s = 0, road_width_m = 0;
  std::string latency_ms = "0", scenery = "default";
  uint64_t seed = 1;

  /// Everything but which circuits and the seed, which commands name differently.
  void declare_details(Arguments& arguments);
  void declare(Arguments& arguments);
  /// Throws UsageError for numbers that make no sense.
  void check_values() const;
  std::vector<Circuit> circuits_to_drive() const;
  /// --latency-ms as a distribution: the number given, or, for `measured`, a hundred measured times of the network.
  std::vector<double> latencies_ms(const Driver& driver) const;
  EpisodeOptions episode(const Circuit& circuit, const std::vector<double>& latency_ms) const;
};

/// A driver from the command line, with the network that it may need.
class DriverModel {
 public:
  /// `text`: a model file, "expert", "line", "constant:V:W" or "command:PROGRAM".
  DriverModel(const std::string& text, const ModelOptions& options, const PlanOptions& plan);
  /// For a network that is already there.
  DriverModel(const std::string& name, Graph graph, const PlanOptions& plan);
  DriverModel(const DriverModel&) = delete;
  const Driver& driver() const { return driver_; }

 private:
  void use(Graph graph, const PlanOptions& plan);
  Driver driver_;
  std::optional<Graph> graph_;
  std::optional<Plan> plan_;
};

/// All drives of one driver on one circuit, with their metrics.
CircuitDrives drive_circuit(const Driver& driver, const Circuit& circuit, const DrivingOptions& options,
                            const std::vector<double>& latency_ms);

/// Drives once more from the first start and writes each frame as N.png with the commands drawn into it.
void save_frames(const Driver& driver, const Circuit& circuit, const DrivingOptions& options,
                 const std::vector<double>& latency_ms, const std::filesystem::path& folder);

}  // namespace slimpilot
