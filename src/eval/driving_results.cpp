// SPDX-License-Identifier: Apache-2.0
#include "eval/driving_results.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/stats.h"
#include "eval/driving_json.h"
#include "host/atomic_file.h"

namespace slimpilot {
namespace {

using Json = nlohmann::ordered_json;

Json drive_json(const Episode& episode, const DrivingMetrics& metrics) {
  Json drive{{"start_m", episode.start_arc_m}, {"reverse", episode.reverse}, {"end", end_name(episode.end)}};
  drive.update(to_json(metrics));
  return drive;
}

Json circuit_json(const CircuitDrives& c) {
  Json result = to_json(c.summary);
  if (c.sweep_ms) result["sweep_ms"] = *c.sweep_ms;
  for (size_t i = 0; i < c.episodes.size(); ++i) result["episodes"].push_back(drive_json(c.episodes[i], c.metrics[i]));
  return result;
}

}  // namespace

Json to_json(const DrivingMetrics& m) {  // the library writes what is not finite as null
  return {{"completed_distance", m.completed_distance},
          {"average_speed", m.average_speed},
          {"percentage_completed", m.percentage_completed},
          {"lap_seconds", m.lap_seconds ? Json(*m.lap_seconds) : Json()},
          {"position_deviation_mae", m.position_deviation_mae},
          {"position_deviation_total_err", m.position_deviation_total_err},
          {"suddenness_distance", m.suddenness_distance},
          {"brain_iterations_frequency_simulated_time", m.brain_iterations_frequency_simulated_time},
          {"lateral_error_mean_m", m.lateral_error_mean},
          {"lateral_error_p95_m", m.lateral_error_p95},
          {"lateral_error_max_m", m.lateral_error_max},
          {"off_road_events", m.off_road_events}};
}

Json to_json(const DrivingSummary& s) {
  Json json{{"circuit", s.circuit},
            {"drives", s.drives},
            {"drives_finished", s.successes},
            {"success_rate", static_cast<double>(s.successes) / s.drives},
            {"success_rate_95", {s.success_rate.low, s.success_rate.high}}};
  json.update(to_json(s.mean));
  return json;
}

void write_driving_results(const DrivingRun& run, const std::filesystem::path& path) {
  Json json{{"command", run.command},
            {"driver", run.driver},
            {"control_ms", run.control_ms},
            {"mean_inference_time", mean(run.latency_ms) / 1000},
            {"latency_ms",
             {{"min", *std::min_element(run.latency_ms.begin(), run.latency_ms.end())},
              {"median", quantile(run.latency_ms, 0.5)},
              {"max", *std::max_element(run.latency_ms.begin(), run.latency_ms.end())}}}};
  const double brain_s = mean(run.latency_ms) / 1000;
  json["brain_iterations_frequency_real_time"] = brain_s > 0 ? Json(1 / brain_s) : Json();
  for (const CircuitDrives& c : run.circuits) json["circuits"].push_back(circuit_json(c));
  write_file_atomically(path, json.dump(1) + "\n");
}

}  // namespace slimpilot
