// SPDX-License-Identifier: Apache-2.0
#include "report/results_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "host/atomic_file.h"

namespace slimpilot {
namespace {

using Json = nlohmann::json;

/// An object of the file, with the words that lead to it.
class Object {
 public:
  Object(const Json& json, std::string file, std::string place = "")
      : json_(json), file_(std::move(file)), place_(std::move(place)) {
    if (!json_.is_object()) fail("must be an object in braces");
  }

  std::string text(const char* key) const {
    const Json* value = find(key);
    if (!value) return "";
    if (!value->is_string()) fail("must be a text", key);
    return value->get<std::string>();
  }
  std::string required_text(const char* key) const {
    if (!find(key)) fail(fmt::format("\"{}\" is missing", key));
    return text(key);
  }
  MaybeNumber number(const char* key) const {
    const Json* value = find(key);
    return value ? MaybeNumber(number_in(*value, key)) : std::nullopt;
  }
  /// The two ends of an interval.
  void numbers(const char* key, MaybeNumber& first, MaybeNumber& second) const {
    const Json* value = find(key);
    if (!value) return;
    if (!value->is_array() || value->size() != 2) fail("must be two numbers in brackets", key);
    first = number_in((*value)[0], key);
    second = number_in((*value)[1], key);
  }
  /// The name of a file in the folder of results.json.
  std::string file(const char* key) const {
    const std::filesystem::path path(text(key));
    if (path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end())
      fail("must name a file in the folder of results.json", key);
    return path.string();
  }
  template <class Item>
  std::vector<Item> list(const char* key, Item (*read)(const Object&)) const {
    std::vector<Item> items;
    const Json* value = find(key);
    if (!value) return items;
    if (!value->is_array()) fail("must be a list in brackets", key);
    for (size_t i = 0; i < value->size(); ++i)
      items.push_back(read(Object((*value)[i], file_, fmt::format("{}[{}]", place(key), i))));
    return items;
  }
  /// An object inside; it must be there.
  Object part(const char* key) const { return Object(*find(key), file_, place(key)); }
  bool has(const char* key) const { return find(key) != nullptr; }

 private:
  const Json* find(const char* key) const {
    const auto found = json_.find(key);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }
  std::string place(const char* key) const { return place_.empty() ? key : place_ + "." + key; }
  double number_in(const Json& value, const char* key) const {
    if (!value.is_number()) fail("must be a number or null", key);
    return value.get<double>();
  }
  [[noreturn]] void fail(const std::string& what, const char* key = nullptr) const {
    const std::string where = key ? place(key) : place_;
    throw Error(file_ + ": " + where + (where.empty() ? "" : ": ") + what);
  }

  const Json& json_;
  std::string file_, place_;
};

ReportErrors read_errors(const Object& object) {
  return {object.number("mse"), object.number("mae"), object.number("sqnr_db"), object.number("max_difference")};
}

ReportOutput read_output(const Object& object) { return {object.text("name"), read_errors(object)}; }

ReportFrame read_frame(const Object& object) { return {object.file("file"), object.text("label")}; }

ReportLayer read_layer(const Object& object) {
  return {.layer = object.required_text("layer"),
          .weight = object.text("weight"),
          .shape = object.text("shape"),
          .type = object.text("type"),
          .slim_encoding = object.text("slim_encoding"),
          .elements = object.number("elements"),
          .zeros = object.number("zeros"),
          .distinct = object.number("distinct"),
          .entropy_bits = object.number("entropy_bits"),
          .bytes = object.number("bytes"),
          .slim_bytes = object.number("slim_bytes"),
          .sqnr_db = object.number("sqnr_db")};
}

ReportSensitivity read_sensitivity(const Object& object) {
  return {object.required_text("layer"), object.number("alone_db"), object.number("without_db")};
}

ReportDriving read_driving(const Object& object) {
  ReportDriving d{.circuit = object.required_text("circuit"),
                  .picture = object.file("picture"),
                  .drives = object.number("drives"),
                  .drives_finished = object.number("drives_finished"),
                  .lap_seconds = object.number("lap_seconds"),
                  .average_speed = object.number("average_speed"),
                  .lateral_error_mean_m = object.number("lateral_error_mean_m"),
                  .lateral_error_p95_m = object.number("lateral_error_p95_m"),
                  .lateral_error_max_m = object.number("lateral_error_max_m"),
                  .off_road_events = object.number("off_road_events"),
                  .control_ms = object.number("control_ms"),
                  .latency_ms = object.number("latency_ms")};
  object.numbers("success_rate_95", d.success_low, d.success_high);
  return d;
}

ReportTechnique read_technique(const Object& object) {
  return {.name = object.required_text("technique"),
          .status = object.text("status"),
          .command = object.text("command"),
          .isa = object.text("isa"),
          .arithmetic = object.text("arithmetic"),
          .size_bytes = object.number("size_bytes"),
          .slim_bytes = object.number("slim_bytes"),
          .latency_ms_p50 = object.number("latency_ms_p50"),
          .latency_ms_p99 = object.number("latency_ms_p99"),
          .threads = object.number("threads"),
          .errors = read_errors(object),
          .outputs = object.list("outputs", read_output),
          .layers = object.list("layers", read_layer),
          .driving = object.list("driving", read_driving)};
}

}  // namespace

ReportData read_report_data(const std::filesystem::path& results_json) {
  Json json;
  try {
    json = Json::parse(read_file(results_json));
  } catch (const Json::exception& e) {
    throw Error(results_json.string() + ": is no JSON; give the results.json that `slimpilot optimize` wrote (" + e.what() +
                ")");
  }
  const Object object(json, results_json.string());
  if (!object.has("techniques"))
    throw Error(results_json.string() + ": \"techniques\" is missing; give the results.json that `slimpilot optimize` wrote");
  ReportData data{.command = object.text("command"),
                  .model = object.text("model"),
                  .reference = object.text("reference"),
                  .frames = object.number("frames"),
                  .calibration_frames = object.number("calibration_frames"),
                  .techniques = object.list("techniques", read_technique),
                  .sample_frames = object.list("sample_frames", read_frame)};
  if (object.has("sensitivity")) {
    const Object sensitivity = object.part("sensitivity");
    data.all_int8_db = sensitivity.number("all_db");
    data.most_sensitive = sensitivity.text("worst");
    data.sensitivity = sensitivity.list("layers", read_sensitivity);
  }
  return data;
}

}  // namespace slimpilot
