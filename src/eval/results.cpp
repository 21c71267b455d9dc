// SPDX-License-Identifier: Apache-2.0
// results.json, and the file of `drive --json`; both name driving's numbers alike.
#include "eval/results.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/stats.h"
#include "eval/driving_results.h"
#include "host/atomic_file.h"

namespace slimpilot {
namespace {

using Json = nlohmann::ordered_json;

Json number(double x) { return std::isfinite(x) ? Json(x) : Json(nullptr); }

void put_errors(Json& json, const LabelErrors& e) {
  json["mse"] = number(e.mse);
  json["mae"] = number(e.mae);
  json["loss"] = number(e.mse);  // the networks of the study are trained on MSE
  json["mse_nonzero"] = e.count_nonzero ? number(e.mse_nonzero) : Json(nullptr);
  json["mae_nonzero"] = e.count_nonzero ? number(e.mae_nonzero) : Json(nullptr);
}

void put_deviation(Json& json, const std::optional<Deviation>& d) {
  json["sqnr_db"] = d ? number(d->sqnr_db) : Json(nullptr);
  json["max_difference"] = d ? number(d->max_difference) : Json(nullptr);
}

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

Json to_json(const DrivingResult& d) {
  Json json = to_json(d.summary);
  json.update({{"control_ms", d.control_ms}, {"latency_ms", d.latency_ms}, {"picture", d.picture}});
  return json;
}

Json to_json(const LayerResult& l) {
  return {{"layer", l.layer},
          {"weight", l.weight},
          {"shape", l.shape},
          {"type", l.type},
          {"elements", l.elements},
          {"zeros", l.zeros},
          {"distinct", l.distinct},
          {"entropy_bits", l.entropy_bits},
          {"bytes", l.bytes},
          {"slim_bytes", l.slim_bytes},
          {"slim_encoding", l.slim_encoding},
          {"sqnr_db", l.sqnr_db ? number(*l.sqnr_db) : Json(nullptr)}};
}

Json to_json(const Sensitivity& s) {
  Json json{{"frames", s.frames}, {"all_db", number(s.all_db)}, {"worst", s.worst().layer}, {"layers", Json::array()}};
  for (const LayerSensitivity& l : s.layers)
    json["layers"].push_back({{"layer", l.layer}, {"alone_db", number(l.alone_db)}, {"without_db", number(l.without_db)}});
  return json;
}

Json to_json(const ModelResult& m) {
  Json json{{"technique", m.technique},
            {"status", m.status},
            {"model_path", m.model_path},
            {"size_bytes", m.size_bytes},
            {"slim_bytes", m.slim_bytes ? Json(m.slim_bytes) : Json(nullptr)}};
  if (m.errors) put_errors(json, *m.errors);
  put_deviation(json, m.deviation);
  if (m.latency) {
    json["latency_ms_p50"] = m.latency->p50_ms;
    json["latency_ms_p90"] = m.latency->p90_ms;
    json["latency_ms_p99"] = m.latency->p99_ms;
    json["latency_ms_p99.9"] = m.latency->p999_ms;
  }
  json["isa"] = m.isa;
  json["arithmetic"] = m.arithmetic;
  json["threads"] = m.threads;
  json["outputs"] = Json::array();
  for (const OutputResult& o : m.outputs) {
    Json output{{"name", o.name}};
    put_errors(output, o.errors);
    put_deviation(output, o.deviation);
    json["outputs"].push_back(std::move(output));
  }
  json["layers"] = Json::array();
  for (const LayerResult& l : m.layers) json["layers"].push_back(to_json(l));
  if (!m.driving.empty()) json["driving"] = Json::array();
  for (const DrivingResult& d : m.driving) json["driving"].push_back(to_json(d));
  json["command"] = m.command;
  return json;
}

}  // namespace

const LayerSensitivity& Sensitivity::worst() const {
  check(!layers.empty());
  return *std::ranges::max_element(layers, {}, &LayerSensitivity::without_db);
}

void write_results(const RunResult& run, const std::filesystem::path& path) {
  Json json{{"command", run.command},
            {"model", run.model},
            {"reference", run.reference},
            {"frames", run.frames},
            {"calibration_frames", run.calibration_frames}};
  for (const SampleFrame& f : run.sample_frames) json["sample_frames"].push_back({{"file", f.file}, {"label", f.label}});
  if (run.sensitivity) json["sensitivity"] = to_json(*run.sensitivity);
  json["techniques"] = Json::array();
  for (const ModelResult& m : run.models) json["techniques"].push_back(to_json(m));
  write_file_atomically(path, json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
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
