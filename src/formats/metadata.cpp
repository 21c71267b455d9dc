// SPDX-License-Identifier: Apache-2.0
// Metadata of models as compact JSON. Floats are written so that they read back to the same bits.
#include "formats/metadata.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "graph/input_images.h"

namespace slimpilot {
namespace {

using nlohmann::json;

constexpr ColorOrder kColors[] = {ColorOrder::rgb, ColorOrder::bgr, ColorOrder::yuv};
constexpr int64_t kLargestCrop = 1 << 20;
constexpr int kVersion = 2,
              kVersionOfOneFrame = 1;  // older programs know nothing of frames_back, so it has a version of its own

[[noreturn]] void malformed(const std::string& what) {
  throw Error("the metadata 'slimpilot' are malformed (" + what + "); write the model again");
}

json finite(float number) {
  if (!std::isfinite(number)) throw Error("preprocessing or an output's range holds a NaN or infinity");
  return number;
}
json numbers(const float (&three)[3]) { return {finite(three[0]), finite(three[1]), finite(three[2])}; }

float real(const json& number) {
  if (!number.is_number()) malformed("a number is missing");
  const double value = number.get<double>();
  if (!(std::abs(value) <= std::numeric_limits<float>::max())) malformed("a number is not finite");
  return static_cast<float>(value);
}

int whole(const json& number, int64_t largest) {
  if (!number.is_number_integer()) malformed("a row or a frame is no integer");
  const int64_t value = number.get<int64_t>();
  if (value < 0 || value > largest) malformed("a row or a frame is out of range");
  return static_cast<int>(value);
}

void read_three(const json& array, float (&three)[3]) {
  if (!array.is_array() || array.size() != 3) malformed("scale and offset need three numbers");
  for (size_t i = 0; i < 3; ++i) three[i] = real(array[i]);
}

Preprocessing read_preprocessing(const json& entry) {
  Preprocessing result;
  const json& crop = entry.at("crop");
  if (!crop.is_array() || crop.size() != 2) malformed("crop needs two rows");
  result.crop_top = whole(crop[0], kLargestCrop);
  result.crop_bottom = whole(crop[1], kLargestCrop);
  if (result.crop_top > result.crop_bottom) malformed("crop ends before it begins");
  result.resize = entry.at("resize").get<bool>();
  const std::string color = entry.at("color").get<std::string>();
  const auto known = std::ranges::find(kColors, color, [](ColorOrder c) { return std::string(color_name(c)); });
  if (known == std::end(kColors)) malformed("unknown color order");
  result.color = *known;
  read_three(entry.at("scale"), result.scale);
  read_three(entry.at("offset"), result.offset);
  if (!entry.contains("frames_back")) return result;
  if (!entry["frames_back"].is_array()) malformed("frames_back is no list");
  for (const json& frames : entry["frames_back"]) result.frames_back.push_back(whole(frames, kMostFramesBack));
  return result;
}

OutputMeaning read_meaning(const json& entry) {
  return {.name = entry.at("name").get<std::string>(),
          .unit = entry.at("unit").get<std::string>(),
          .min = real(entry.at("min")),
          .max = real(entry.at("max"))};
}

void reorder_outputs(const json& order, Graph& graph) {
  if (!order.is_array() || order.size() != graph.outputs.size()) malformed("output_order does not name every output once");
  std::vector<ValueId> left = graph.outputs, ordered;
  for (const json& entry : order) {
    const std::string name = entry.get<std::string>();
    const auto found = std::ranges::find(left, name, [&](ValueId id) { return graph.value(id).name; });
    if (found == left.end()) malformed("output_order does not name every output once");
    ordered.push_back(*found);
    left.erase(found);
  }
  graph.outputs = std::move(ordered);
}

void apply(const json& root, Graph& graph) {
  if (root.at("version") != kVersion && root.at("version") != kVersionOfOneFrame)
    throw Error("its metadata is of another version of slimpilot; use that version");
  graph.name = root.at("name").get<std::string>();
  graph.preprocessing = read_preprocessing(root.at("preprocessing"));
  if (!root.at("outputs").is_array()) malformed("outputs is no list");
  for (const json& entry : root.at("outputs")) graph.meaning.push_back(read_meaning(entry));
  reorder_outputs(root.at("output_order"), graph);
}

}  // namespace

std::string metadata_of(const Graph& graph) {
  const Preprocessing& p = graph.preprocessing;
  json outputs = json::array(), order = json::array();
  for (const OutputMeaning& m : graph.meaning)
    outputs.push_back({{"name", m.name}, {"unit", m.unit}, {"min", finite(m.min)}, {"max", finite(m.max)}});
  for (const ValueId id : graph.outputs) order.push_back(graph.value(id).name);
  json preprocessing = {{"crop", {p.crop_top, p.crop_bottom}},
                        {"resize", p.resize},
                        {"color", color_name(p.color)},
                        {"scale", numbers(p.scale)},
                        {"offset", numbers(p.offset)}};
  if (!p.frames_back.empty()) preprocessing["frames_back"] = p.frames_back;
  const json root = {{"version", p.frames_back.empty() ? kVersionOfOneFrame : kVersion},
                     {"name", graph.name},
                     {"preprocessing", std::move(preprocessing)},
                     {"outputs", std::move(outputs)},
                     {"output_order", std::move(order)}};
  try {
    return root.dump();
  } catch (const json::type_error&) {
    throw Error("the name of the network or of an output is not UTF-8");
  }
}

void apply_metadata(std::string_view text, Graph& graph) {
  const json root = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (root.is_discarded()) malformed("no JSON");
  try {
    apply(root, graph);
  } catch (const json::exception&) {
    malformed("a field is missing or has another type");
  }
}

}  // namespace slimpilot
