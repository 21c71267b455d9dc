// SPDX-License-Identifier: Apache-2.0
// results.json.
#include "eval/results.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "eval/driving_json.h"
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

Json to_json(const DrivingResult& d) {
  Json json = to_json(d.summary);
  json.update({{"control_ms", d.control_ms}, {"latency_ms", d.latency_ms}, {"picture", d.picture}});
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
  json["threads"] = m.threads;
  json["outputs"] = Json::array();
  for (const OutputResult& o : m.outputs) {
    Json output{{"name", o.name}};
    put_errors(output, o.errors);
    put_deviation(output, o.deviation);
    json["outputs"].push_back(std::move(output));
  }
  if (!m.driving.empty()) json["driving"] = Json::array();
  for (const DrivingResult& d : m.driving) json["driving"].push_back(to_json(d));
  json["command"] = m.command;
  return json;
}

}  // namespace

void write_results(const RunResult& run, const std::filesystem::path& path) {
  Json json{{"command", run.command},
            {"model", run.model},
            {"reference", run.reference},
            {"frames", run.frames},
            {"calibration_frames", run.calibration_frames}};
  for (const SampleFrame& f : run.sample_frames) json["sample_frames"].push_back({{"file", f.file}, {"label", f.label}});
  json["techniques"] = Json::array();
  for (const ModelResult& m : run.models) json["techniques"].push_back(to_json(m));
  write_file_atomically(path, json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace slimpilot
