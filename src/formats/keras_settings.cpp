// SPDX-License-Identifier: Apache-2.0
#include "formats/keras_settings.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace slimpilot {
namespace {

constexpr int kMaxExtent = 1 << 20;  // keeps sums and strides of extents far from overflow
constexpr float kLeakySlope = 0.2f;  // of the function leaky_relu; the layer LeakyReLU has its own

const std::map<std::string, ActivationKind>& activation_kinds() {
  static const std::map<std::string, ActivationKind> kinds = {{"linear", ActivationKind::none},
                                                              {"relu", ActivationKind::relu},
                                                              {"relu6", ActivationKind::relu6},
                                                              {"elu", ActivationKind::elu},
                                                              {"tanh", ActivationKind::tanh},
                                                              {"sigmoid", ActivationKind::sigmoid},
                                                              {"hard_sigmoid", ActivationKind::hard_sigmoid}};
  return kinds;
}

}  // namespace

using nlohmann::json;

void KerasSettings::fail(const std::string& what) const { throw Error("layer '" + name_ + "' (" + class_name_ + "): " + what); }

void KerasSettings::fail(const std::string& property, const json& value, const std::string& wanted) const {
  fail(property + " is " + value.dump().substr(0, 60) + "; slimpilot supports " + wanted);
}

const json* KerasSettings::find(Names names) const {
  for (const char* name : names)
    if (const auto found = config_.find(name); found != config_.end() && !found->is_null()) return &*found;
  return nullptr;
}

const json& KerasSettings::get(Names names) const {
  if (const json* value = find(names)) return *value;
  fail(std::string("has no ") + *names.begin());
}

int KerasSettings::integer(const std::string& property, const json& value, int least) const {
  if (value.is_number_integer() && value >= least && value <= kMaxExtent) return value.get<int>();
  fail(property, value, "whole numbers from " + std::to_string(least) + " to " + std::to_string(kMaxExtent));
}

bool KerasSettings::flag(Names names, bool otherwise) const {
  const json* value = find(names);
  if (!value) return otherwise;
  if (!value->is_boolean()) fail(*names.begin(), *value, "true and false");
  return value->get<bool>();
}

double KerasSettings::number(Names names, double otherwise) const {
  const json* value = find(names);
  if (!value) return otherwise;
  if (!value->is_number()) fail(*names.begin(), *value, "numbers");
  return value->get<double>();
}

std::vector<float> KerasSettings::numbers(const std::string& property, const json& value) const {
  if (value.is_number()) return {value.get<float>()};
  if (!value.is_array() || value.empty()) fail(property, value, "numbers and lists of numbers");
  if (value.size() == 1 && value[0].is_array()) return numbers(property, value[0]);
  std::vector<float> result;
  for (const json& item : value) {
    if (!item.is_number()) fail(property, value, "numbers and lists of numbers");
    result.push_back(item.get<float>());
  }
  return result;
}

std::vector<int> KerasSettings::integers(const std::string& property, const json& value, int least) const {
  if (!value.is_array()) fail(property, value, "lists of whole numbers");
  std::vector<int> numbers;
  for (const json& item : value) numbers.push_back(integer(property, item, least));
  return numbers;
}

template <size_t n>
std::array<int, n> KerasSettings::tuple(const std::string& property, const json& value, int least) const {
  std::array<int, n> result{};
  if (value.is_number()) {
    result.fill(integer(property, value, least));
    return result;
  }
  const std::vector<int> list = integers(property, value, least);
  if (list.size() != n) fail(property, value, n == 2 ? "two numbers" : std::to_string(n) + " numbers");
  std::copy(list.begin(), list.end(), result.begin());
  return result;
}
template std::array<int, 2> KerasSettings::tuple(const std::string&, const json&, int) const;
template std::array<int, 3> KerasSettings::tuple(const std::string&, const json&, int) const;

void KerasSettings::require(Names names, std::initializer_list<json> accepted) const {
  const json* value = find(names);
  if (!value) return;
  for (const json& one : accepted)
    if (*value == one) return;
  fail(*names.begin(), *value, accepted.begin()->dump());
}

void KerasSettings::require_float32() const {
  const json* type = find({"dtype", "input_dtype"});
  if (!type || *type == "float32") return;
  if (type->is_object() && type->contains("config") && (*type)["config"].is_object()) {
    const json& policy = (*type)["config"];
    if (policy.contains("name") && policy["name"] == "float32") return;
  }
  fail("dtype", *type, "float32");
}

void KerasSettings::require_channels_last() const {
  require({"data_format", "dim_ordering"}, {"channels_last", "tf", "default"});
}

Padding KerasSettings::padding() const {
  const json& value = get({"padding", "border_mode"});
  if (value == "valid") return Padding::valid;
  if (value == "same") return Padding::same;
  fail("padding", value, "valid and same");
}

/// The function's name; of an object that wraps it (Keras 3's functions, quantization-aware activations) the name inside.
std::string KerasSettings::activation_text(const char* property) const {
  const json* value = find({property});
  for (int depth = 0; value && value->is_object() && depth < 3; ++depth) {
    const auto config = value->find("config");
    if (config == value->end()) break;
    value = config->is_object() && config->contains("activation") ? &(*config)["activation"] : &*config;
  }
  if (!value) return "linear";
  if (!value->is_string()) return value->dump().substr(0, 60);
  return value->get<std::string>();
}

ActivationKind KerasSettings::activation(const char* property) const {
  const std::string text = activation_text(property);
  const auto found = activation_kinds().find(text);
  if (found == activation_kinds().end()) fail(property, text, "linear, relu, relu6, elu, tanh, sigmoid and hard_sigmoid");
  if (keras3_ && found->second == ActivationKind::hard_sigmoid)
    fail(std::string(property) +
         " is hard_sigmoid, which Keras 3 defines otherwise (relu6(x + 3)/6) than Keras 1 and 2; "
         "it is not supported yet");
  return found->second;
}

std::optional<Op> KerasSettings::activation_op(const char* property) const {
  const std::string text = activation_text(property);
  if (text == "softmax") return Softmax{};
  if (text == "leaky_relu") return LeakyRelu{kLeakySlope};
  if (!activation_kinds().contains(text))
    fail(property, text, "linear, relu, relu6, leaky_relu, elu, tanh, sigmoid, hard_sigmoid and softmax");
  const ActivationKind kind = activation(property);
  return kind == ActivationKind::none ? std::nullopt : std::optional<Op>(Activation{kind});
}

}  // namespace slimpilot
