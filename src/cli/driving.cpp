// SPDX-License-Identifier: Apache-2.0
#include "cli/driving.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "data/labels.h"
#include "eval/latency.h"
#include "report/overlay.h"

namespace slimpilot {
namespace {

double number_of(const std::string& text, const char* option) {
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    throw UsageError(std::string(option) + ": '" + text + "' is no number");
  return value;
}

/// What follows "command:".
std::string program_of(const std::string& text) {
  if (!text.starts_with("command:")) return {};
  if (text.size() == 8) throw UsageError("name the program behind command:, as in 'command:python3 brain.py model.slim'");
  return text.substr(8);
}

/// "constant:V:W"
std::optional<Command> constant_command(const std::string& text) {
  if (!text.starts_with("constant:")) return std::nullopt;
  const size_t colon = text.find(':', 9);
  if (colon == std::string::npos) throw UsageError("a constant command is constant:V:W, in m/s and rad/s, not '" + text + "'");
  return Command{number_of(text.substr(9, colon - 9), "constant"), number_of(text.substr(colon + 1), "constant")};
}

}  // namespace

void DrivingOptions::declare(Arguments& arguments) {
  arguments.option_list("--circuit", circuits, "names from `slimpilot circuits`, or centre lines as FILE.csv");
  arguments.option("--seed", seed, "the first seed");
  declare_details(arguments);
}

void DrivingOptions::declare_details(Arguments& arguments) {
  arguments.option("--starts", starts, "start points, evenly along the circuit");
  arguments.option("--both-directions", both_directions, "from each start point, drive both ways");
  arguments.option("--seeds", seeds, "drives from each start, with different draws of latency and rain");
  arguments.option("--start-m", start_m, "where the first start point lies along the circuit, in metres");
  arguments.option("--control-ms", control_ms, "simulated time between two looks of the pilot at the camera");
  arguments.option("--command-ms", command_ms, "commands reach the robot at multiples of this (0: at once)");
  arguments.option("--camera-hz", camera_hz, "frames per second of simulated time");
  arguments.option("--camera-phase-ms", camera_phase_ms, "by how much the camera's clock lies behind the pilot's");
  arguments.option("--latency-ms", latency_ms, "from frame to command: a number, or `measured`: the network's own on this CPU");
  arguments.option("--scenery", scenery, "default, or no_line, white_line, white_road, no_wall, night, rain joined by '+'");
  arguments.option("--lag-ms", lag_ms, "time constant with which the robot follows its commands (0: at once)");
  arguments.option("--max-speed", max_speed, "the robot's limit in m/s (0: none)");
  arguments.option("--max-turn", max_turn, "the robot's limit in rad/s (0: none)");
  arguments.option("--max-acceleration", max_acceleration, "the robot's limit in m/s² (0: none)");
  arguments.option("--timeout-s", timeout_s, "simulated time after which a drive ends (0: the circuit's own)");
  arguments.option("--road-width-m", road_width_m, "instead of the circuit's own (0)");
}

void DrivingOptions::check_values() const {
  if (circuits.empty()) throw UsageError("--circuit is required; `slimpilot circuits` lists the names");
  if (starts < 1 || seeds < 1) throw UsageError("--starts and --seeds must be 1 or more");
  if (!(control_ms >= 1) || !(camera_hz > 0) || camera_hz > 1000)
    throw UsageError("--control-ms must be at least 1, --camera-hz 1 to 1000");
  for (const double x : {command_ms, camera_phase_ms, lag_ms, max_speed, max_turn, max_acceleration, timeout_s, road_width_m})
    if (!(x >= 0)) throw UsageError("times and limits of the robot must not be negative");
  if (road_width_m >= 2 * static_cast<double>(Track::kBand_m)) throw UsageError("--road-width-m must be below 4.8");
  parse_scenery(scenery);
}

std::vector<Circuit> DrivingOptions::circuits_to_drive() const {
  std::vector<Circuit> result;
  for (const std::string& name : circuits) {
    result.push_back(find_circuit(name));
    if (road_width_m > 0) result.back().road_width_m = road_width_m;
  }
  return result;
}

std::vector<double> DrivingOptions::latencies_ms(const Driver& driver) const {
  if (latency_ms != "measured") {
    const double value = number_of(latency_ms, "--latency-ms");
    if (value < 0) throw UsageError("--latency-ms must not be negative");
    return {value};
  }
  if (driver.plan == nullptr) throw UsageError("--latency-ms measured needs a network as driver");
  const LatencyOptions short_run{.least_runs = 200, .most_runs = 5000, .seconds = 0.2};
  const auto inputs = timing_inputs(*driver.plan, driver.graph->preprocessing, nullptr);
  const Latency l = measure_latency(*driver.plan, inputs, short_run);
  // A hundred draws of which half lie at the median, the rest between it and the 99th percentile.
  std::vector<double> draws(50, l.p50_ms);
  for (int i = 0; i < 40; ++i) draws.push_back(l.p50_ms + (l.p90_ms - l.p50_ms) * (i + 1) / 40);
  for (int i = 0; i < 10; ++i) draws.push_back(l.p90_ms + (l.p99_ms - l.p90_ms) * (i + 1) / 10);
  return draws;
}

EpisodeOptions DrivingOptions::episode(const Circuit& circuit, const std::vector<double>& latencies) const {
  EpisodeOptions e{.camera_period_s = 1 / camera_hz,
                   .camera_phase_s = camera_phase_ms / 1000,
                   .control_period_s = control_ms / 1000,
                   .command_period_s = command_ms / 1000,
                   .start_arc_m = start_m,
                   .timeout_s = timeout_s > 0 ? timeout_s : circuit.timeout_s,
                   .vehicle = {lag_ms / 1000, max_speed, max_turn, max_acceleration},
                   .scenery = parse_scenery(scenery),
                   .seed = seed};
  e.latency_s.clear();
  for (const double ms : latencies) e.latency_s.push_back(ms / 1000);
  return e;
}

DriverModel::DriverModel(const std::string& text, const ModelOptions& options, const PlanOptions& plan)
    : driver_{.name = text} {
  driver_.knows_line = text == "line";
  if (text == "expert" || text == "line") return;
  driver_.constant = constant_command(text);
  driver_.program = program_of(text);
  if (driver_.constant || !driver_.program.empty()) return;
  use(load_model_for_frames(text, options), plan);
}

DriverModel::DriverModel(const std::string& name, Graph graph, const PlanOptions& plan) : driver_{.name = name} {
  use(std::move(graph), plan);
}

void DriverModel::use(Graph graph, const PlanOptions& plan) {
  graph_ = std::move(graph);
  plan_.emplace(*graph_, plan);
  driver_.graph = &*graph_, driver_.plan = &*plan_;
  NetworkPilot(*graph_, *plan_);  // says early what is wrong
}

CircuitDrives drive_circuit(const Driver& driver, const Circuit& circuit, const DrivingOptions& options,
                            const std::vector<double>& latency_ms) {
  const Track track(circuit.centre_line, circuit.road_width_m);
  const auto episodes =
      episodes_of(track, options.episode(circuit, latency_ms), options.starts, options.both_directions, options.seeds);
  Driver named = driver;
  named.name += " on " + circuit.name;
  CircuitDrives drives{.circuit = circuit.name, .episodes = drive_all(named, track, episodes, progress_output())};
  for (const Episode& episode : drives.episodes)
    drives.metrics.push_back(driving_metrics(episode, circuit.centre_line, track.half_width_m()));
  drives.summary = summarize(circuit.name, drives.metrics);
  return drives;
}

void save_frames(const Driver& driver, const Circuit& circuit, const DrivingOptions& options,
                 const std::vector<double>& latency_ms, const std::filesystem::path& folder) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure) throw Error(folder.string() + ": cannot be made: " + failure.message());
  const Track track(circuit.centre_line, circuit.road_width_m);
  int count = 0;
  drive_once(driver, track, options.episode(circuit, latency_ms),
             [&](const CameraFrame& frame, const Command& command, double time_s) {
               check_cancelled();
               Image picture = frame.image;
               draw_commands(picture, command, time_s);
               write_png(folder / (std::to_string(count++) + ".png"), picture, Durability::cache);
             });
}

}  // namespace slimpilot
