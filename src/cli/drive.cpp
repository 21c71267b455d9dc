// SPDX-License-Identifier: Apache-2.0
// slimpilot drive: closed loop. Any model, the expert, a constant command or another program drives circuits in simulated time.
#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "base/error.h"
#include "base/stats.h"
#include "cli/commands.h"
#include "cli/driving.h"
#include "cli/fastest_plan.h"
#include "cli/model_options.h"
#include "eval/driving_results.h"
#include "host/atomic_file.h"
#include "report/driving.h"

namespace slimpilot {
namespace {

struct Options {
  std::string driver, json, picture, frames, sweep;
  DrivingOptions driving;
  ModelOptions model;
  EngineOptions engine;

  void parse(int argc, char** argv) {
    Arguments arguments("drive", "drive circuits in simulated time and measure it");
    arguments.positional(
        "MODEL", driver,
        "a model file, `expert`, `constant:V:W`, or `command:PROGRAM ...`, which reads frames and says commands");
    driving.declare(arguments);
    arguments.option("--sweep", sweep,
                     "repeat all for several periods or latencies: control-ms:FIRST:LAST:STEP or "
                     "latency-ms:FIRST:LAST:STEP");
    arguments.option("--json", json, "also write all drives to this file");
    arguments.option("--picture", picture,
                     "write the driven paths over the circuits, coloured by lateral error, as SVG; for several "
                     "circuits the name gets -CIRCUIT");
    arguments.option("--save-frames", frames,
                     "folder for the pictures of the first drive on each circuit, with its commands drawn in");
    engine.declare_arithmetic(arguments);
    model.declare(arguments);
    arguments.parse(argc, argv);
  }
};

/// FIRST, FIRST + STEP, … LAST of --sweep.
struct Sweep {
  bool of_latency = false;
  std::vector<double> values_ms;
};

Sweep parse_sweep(const std::string& text) {
  Sweep sweep;
  const size_t colon = text.find(':');
  const std::string what = text.substr(0, colon);
  double first = 0, last = 0, step = 0;
  char rest;
  if ((what != "control-ms" && what != "latency-ms") || colon == std::string::npos ||
      std::sscanf(text.c_str() + colon, ":%lf:%lf:%lf%c", &first, &last, &step, &rest) != 3 || !(first >= 0) || !(step > 0) ||
      !(last >= first) || (last - first) / step > 1000 || (what == "control-ms" && first < 1))
    throw UsageError("--sweep must be control-ms:FIRST:LAST:STEP or latency-ms:FIRST:LAST:STEP, not '" + text + "'");
  sweep.of_latency = what == "latency-ms";
  for (int i = 0; first + i * step <= last + step / 1000; ++i) sweep.values_ms.push_back(first + i * step);
  return sweep;
}

std::string file_for(const std::string& path, const std::string& circuit, bool several) {
  if (!several) return path;
  const std::filesystem::path p(path);
  return (p.parent_path() / (p.stem().string() + "-" + circuit + p.extension().string())).string();
}

void run_sweep(const Options& options, const Driver& driver, const Sweep& sweep, DrivingRun& run) {
  for (const double value : sweep.values_ms) {
    DrivingOptions driving = options.driving;
    if (!sweep.of_latency) driving.control_ms = value;
    const std::vector<double> latency_ms = sweep.of_latency ? std::vector{value} : run.latency_ms;
    for (const Circuit& circuit : driving.circuits_to_drive()) {
      CircuitDrives drives = drive_circuit(driver, circuit, driving, latency_ms);
      drives.sweep_ms = value;
      run.circuits.push_back(std::move(drives));
    }
  }
}

}  // namespace

void run_drive(int argc, char** argv) {
  Options options;
  options.parse(argc, argv);
  options.driving.check_values();
  const PlanOptions plan_options = options.engine.plan_options();
  std::optional<Sweep> sweep;
  if (!options.sweep.empty()) sweep = parse_sweep(options.sweep);
  const DriverModel model(options.driver, options.model, plan_options);
  DrivingRun run{.command = command_text(argc, argv), .driver = options.driver, .control_ms = options.driving.control_ms};
  run.latency_ms = options.driving.latencies_ms(model.driver());
  if (sweep) {
    run_sweep(options, model.driver(), *sweep, run);
    fmt::print("{}", sweep_table(run, sweep->of_latency ? "latency ms" : "control ms"));
  } else {
    const auto circuits = options.driving.circuits_to_drive();
    for (const Circuit& circuit : circuits) {
      run.circuits.push_back(drive_circuit(model.driver(), circuit, options.driving, run.latency_ms));
      const CircuitDrives& drives = run.circuits.back();
      if (!options.picture.empty())
        write_file_atomically(file_for(options.picture, circuit.name, circuits.size() > 1),
                              path_picture(circuit, drives.episodes));
      if (!options.frames.empty())
        save_frames(model.driver(), circuit, options.driving, run.latency_ms,
                    std::filesystem::path(options.frames) / circuit.name);
    }
    fmt::print("{}", driving_table(run));
  }
  if (!options.json.empty()) write_driving_results(run, options.json);
}

}  // namespace slimpilot
