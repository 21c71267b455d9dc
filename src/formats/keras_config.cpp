// SPDX-License-Identifier: Apache-2.0
// A Sequential model's configuration (JSON of Keras 1.2, 2 or 3) as plain structs. Each property is looked up under the
// names that the versions gave it, Keras 2 first.
#include "formats/keras_config.h"

#include <array>
#include <cmath>
#include <cstdlib>
#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"

namespace slimpilot {
namespace {

using nlohmann::json;
using Names = std::initializer_list<const char*>;

constexpr int kMaxDepth = 100;
constexpr int kMaxExtent = 1 << 20;  // keeps sums and strides of extents far from overflow

/// One layer's configuration, with errors that name layer and property.
class Settings {
 public:
  Settings(std::string class_name, std::string name, const json& config, bool keras3)
      : class_name_(std::move(class_name)), name_(std::move(name)), config_(config), keras3_(keras3) {}

  const std::string& class_name() const { return class_name_; }
  const std::string& name() const { return name_; }

  [[noreturn]] void fail(const std::string& what) const { throw Error("layer '" + name_ + "' (" + class_name_ + "): " + what); }
  [[noreturn]] void fail(const std::string& property, const json& value, const std::string& wanted) const {
    fail(property + " is " + value.dump().substr(0, 60) + "; slimpilot supports " + wanted);
  }
  /// The first of `names` that is given and not null, else null.
  const json* find(Names names) const {
    for (const char* name : names)
      if (const auto found = config_.find(name); found != config_.end() && !found->is_null()) return &*found;
    return nullptr;
  }
  const json& get(Names names) const {
    if (const json* value = find(names)) return *value;
    fail(std::string("has no ") + *names.begin());
  }
  int integer(const std::string& property, const json& value, int least) const {
    if (value.is_number_integer() && value >= least && value <= kMaxExtent) return value.get<int>();
    fail(property, value, "whole numbers from " + std::to_string(least) + " to " + std::to_string(kMaxExtent));
  }
  int positive(Names names) const { return integer(*names.begin(), get(names), 1); }
  bool flag(Names names, bool otherwise) const {
    const json* value = find(names);
    if (!value) return otherwise;
    if (!value->is_boolean()) fail(*names.begin(), *value, "true and false");
    return value->get<bool>();
  }
  double number(Names names, double otherwise) const {
    const json* value = find(names);
    if (!value) return otherwise;
    if (!value->is_number()) fail(*names.begin(), *value, "numbers");
    return value->get<double>();
  }
  /// A list of whole numbers not below `least`.
  std::vector<int> integers(const std::string& property, const json& value, int least) const {
    if (!value.is_array()) fail(property, value, "lists of whole numbers");
    std::vector<int> numbers;
    for (const json& item : value) numbers.push_back(integer(property, item, least));
    return numbers;
  }
  /// One number for both directions, or [rows, columns].
  std::array<int, 2> pair(const std::string& property, const json& value, int least) const {
    if (value.is_number()) return {integer(property, value, least), integer(property, value, least)};
    const std::vector<int> numbers = integers(property, value, least);
    if (numbers.size() != 2) fail(property, value, "two numbers");
    return {numbers[0], numbers[1]};
  }
  /// The property, where given, is one of the accepted values, and so needs no further attention.
  void require(Names names, std::initializer_list<json> accepted) const {
    const json* value = find(names);
    if (!value) return;
    for (const json& one : accepted)
      if (*value == one) return;
    fail(*names.begin(), *value, accepted.begin()->dump());
  }
  Padding padding() const {
    const json& value = get({"padding", "border_mode"});
    if (value == "valid") return Padding::valid;
    if (value == "same") return Padding::same;
    fail("padding", value, "valid and same");
  }
  ActivationKind activation(const char* property) const {
    static const std::map<std::string, ActivationKind> kinds = {{"linear", ActivationKind::none},
                                                                {"relu", ActivationKind::relu},
                                                                {"relu6", ActivationKind::relu6},
                                                                {"elu", ActivationKind::elu},
                                                                {"tanh", ActivationKind::tanh},
                                                                {"sigmoid", ActivationKind::sigmoid},
                                                                {"hard_sigmoid", ActivationKind::hard_sigmoid}};
    const json* value = find({property});
    if (!value) return ActivationKind::none;
    const auto found = value->is_string() ? kinds.find(value->get<std::string>()) : kinds.end();
    if (found == kinds.end()) fail(property, *value, "linear, relu, relu6, elu, tanh, sigmoid and hard_sigmoid");
    if (keras3_ && found->second == ActivationKind::hard_sigmoid)
      fail(std::string(property) +
           " is hard_sigmoid, which Keras 3 defines otherwise (relu6(x + 3)/6) than Keras 1 and 2; "
           "it is not supported yet");
    return found->second;
  }

 private:
  std::string class_name_, name_;
  const json& config_;
  bool keras3_;
};

/// "float32", or a policy object of that name.
void require_float32(const Settings& settings) {
  const json* type = settings.find({"dtype", "input_dtype"});
  if (!type || *type == "float32") return;
  if (type->is_object() && type->contains("config") && (*type)["config"].is_object()) {
    const json& policy = (*type)["config"];
    if (policy.contains("name") && policy["name"] == "float32") return;
  }
  settings.fail("dtype", *type, "float32");
}

void require_channels_last(const Settings& settings) {
  settings.require({"data_format", "dim_ordering"}, {"channels_last", "tf"});
}

/// What Conv2D and ConvLSTM2D have in common.
template <class Layer>
Layer read_windows(const Settings& settings) {
  require_channels_last(settings);
  settings.require({"dilation_rate", "atrous_rate"}, {json::array({1, 1}), 1});
  settings.require({"groups"}, {1});
  Layer layer;
  layer.filters = settings.positive({"filters", "nb_filter"});
  if (const json* kernel = settings.find({"kernel_size"})) {
    const auto [h, w] = settings.pair("kernel_size", *kernel, 1);
    layer.kernel_h = h, layer.kernel_w = w;
  } else {
    layer.kernel_h = settings.positive({"nb_row"}), layer.kernel_w = settings.positive({"nb_col"});
  }
  const auto [stride_h, stride_w] = settings.pair("strides", settings.get({"strides", "subsample"}), 1);
  layer.op.stride_h = stride_h, layer.op.stride_w = stride_w;
  layer.op.padding = settings.padding();
  layer.use_bias = settings.flag({"use_bias", "bias"}, true);
  return layer;
}

KerasKind read_convolution(const Settings& settings) { return read_windows<KerasConvolution>(settings); }

KerasKind read_conv_lstm(const Settings& settings) {
  if (settings.find({"nb_filter", "inner_activation"}))
    settings.fail("Keras 1 stores its gates in another way; save the model with Keras 2");
  for (const char* state : {"stateful", "go_backwards", "return_state", "time_major"}) settings.require({state}, {false});
  auto layer = read_windows<KerasConvLstm>(settings);
  layer.op.activation = settings.activation("activation");
  layer.op.recurrent_activation = settings.activation("recurrent_activation");
  layer.op.return_sequences = settings.flag({"return_sequences"}, false);
  return layer;
}

KerasKind read_dense(const Settings& settings) {
  return KerasDense{.units = settings.positive({"units", "output_dim"}), .use_bias = settings.flag({"use_bias", "bias"}, true)};
}

KerasKind read_batch_norm(const Settings& settings) {
  settings.require({"mode"}, {0});
  settings.require({"renorm"}, {false});
  KerasBatchNorm layer;
  layer.op.epsilon = static_cast<float>(settings.number({"epsilon"}, 1e-3));
  if (!(layer.op.epsilon >= 0) || !std::isfinite(layer.op.epsilon)) settings.fail("epsilon is negative or no number");
  const json* axis = settings.find({"axis"});
  if (axis && axis->is_array() && axis->size() == 1) axis = &(*axis)[0];
  if (axis) layer.axis = settings.integer("axis", *axis, -1);
  layer.scale = settings.flag({"scale"}, true);
  layer.center = settings.flag({"center"}, true);
  return layer;
}

KerasKind read_pool(const Settings& settings) {
  require_channels_last(settings);
  Pool2D op{.kind = settings.class_name() == "MaxPooling2D" ? PoolKind::max : PoolKind::average};
  const auto [h, w] = settings.pair("pool_size", settings.get({"pool_size"}), 1);
  const auto [stride_h, stride_w] = settings.pair("strides", settings.get({"strides", "pool_size"}), 1);
  op.window_h = h, op.window_w = w, op.stride_h = stride_h, op.stride_w = stride_w;
  op.padding = settings.padding();
  return op;
}

KerasKind read_flatten(const Settings& settings) {
  require_channels_last(settings);
  return KerasFlatten{};
}

KerasKind read_reshape(const Settings& settings) {
  KerasReshape layer{.target = settings.integers("target_shape", settings.get({"target_shape"}), -1)};
  for (const int extent : layer.target)
    if (extent == 0) settings.fail("target_shape holds a 0");
  return layer;
}

/// n · [rows, columns] · [top, bottom, left, right] · [[top, bottom], [left, right]] · Keras 1's {"top_pad": …}.
template <class Op>
KerasKind read_edges(const Settings& settings, const char* property) {
  require_channels_last(settings);
  const json& value = settings.get({property});
  const auto edges = [&](const json& vertical, const json& horizontal) -> KerasKind {
    const auto [top, bottom] = settings.pair(property, vertical, 0);
    const auto [left, right] = settings.pair(property, horizontal, 0);
    return Op{.top = top, .bottom = bottom, .left = left, .right = right};
  };
  if (value.is_number()) return edges(value, value);
  if (value.is_array() && value.size() == 2) return edges(value[0], value[1]);
  if (value.is_array() && value.size() == 4) return edges(json::array({value[0], value[1]}), json::array({value[2], value[3]}));
  if (value.is_object()) {
    const auto pad = [&](const char* side) { return value.value(side, json(0)); };
    return edges(json::array({pad("top_pad"), pad("bottom_pad")}), json::array({pad("left_pad"), pad("right_pad")}));
  }
  settings.fail(property, value, "[[top, bottom], [left, right]]");
}
KerasKind read_crop(const Settings& settings) { return read_edges<Crop2D>(settings, "cropping"); }
KerasKind read_pad(const Settings& settings) { return read_edges<Pad2D>(settings, "padding"); }

KerasKind read_relu(const Settings& settings) {
  if (settings.number({"negative_slope"}, 0) != 0) settings.fail("negative_slope is not 0; slimpilot supports 0 alone");
  if (settings.number({"threshold"}, 0) != 0) settings.fail("threshold is not 0; slimpilot supports 0 alone");
  const json* most = settings.find({"max_value"});
  if (!most) return Activation{ActivationKind::relu};
  if (*most == 6) return Activation{ActivationKind::relu6};
  if (*most == 1) return Activation{ActivationKind::relu_0_to_1};
  settings.fail("max_value", *most, "none, 1 and 6");
}

KerasKind read_elu(const Settings& settings) {
  settings.require({"alpha"}, {1});
  return Activation{ActivationKind::elu};
}

KerasKind read_activation(const Settings& settings) { return Activation{settings.activation("activation")}; }
KerasKind read_input(const Settings&) { return KerasInput{}; }
KerasKind read_dropout(const Settings&) { return KerasDropout{}; }
KerasKind read_lambda(const Settings&) { return KerasLambda{}; }

using Reader = KerasKind (*)(const Settings&);
const std::map<std::string, Reader>& readers() {
  static const std::map<std::string, Reader> table = {
      {"InputLayer", read_input},
      {"Conv2D", read_convolution},
      {"Convolution2D", read_convolution},
      {"ConvLSTM2D", read_conv_lstm},
      {"Dense", read_dense},
      {"BatchNormalization", read_batch_norm},
      {"MaxPooling2D", read_pool},
      {"AveragePooling2D", read_pool},
      {"Flatten", read_flatten},
      {"Reshape", read_reshape},
      {"Dropout", read_dropout},
      {"SpatialDropout2D", read_dropout},
      {"Activation", read_activation},
      {"ReLU", read_relu},
      {"ELU", read_elu},
      {"Cropping2D", read_crop},
      {"ZeroPadding2D", read_pad},
      {"Lambda", read_lambda},
  };
  return table;
}

/// A shape with the batch in front, as Keras writes it; the batch is dropped, null becomes −1.
Shape read_batch_shape(const Settings& settings, const json& value) {
  if (!value.is_array() || value.size() < 2 || value.size() > 5) settings.fail("input shape", value, "2 to 5 extents");
  Shape shape;
  for (size_t d = 1; d < value.size(); ++d)
    shape.push_back(value[d].is_null() ? -1 : settings.integer("input shape", value[d], 1));
  return shape;
}

KerasLayer read_layer(const json& entry, bool keras3) {
  const auto text = [](const json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (!entry.is_object() || !entry.contains("config") || !entry["config"].is_object())
    throw Error("model_config lists a layer without a config");
  const std::string class_name = text(entry, "class_name"), name = text(entry["config"], "name");
  const Settings settings(class_name, name, entry["config"], keras3);
  if (name.empty()) settings.fail("has no name");
  const auto reader = readers().find(class_name);
  if (reader == readers().end()) settings.fail("slimpilot does not support this kind of layer");
  require_float32(settings);
  KerasLayer layer{.name = name, .kind = reader->second(settings)};
  if (std::holds_alternative<KerasConvolution>(layer.kind) || std::holds_alternative<KerasDense>(layer.kind))
    layer.activation = settings.activation("activation");
  if (const json* shape = settings.find({"batch_input_shape", "batch_shape"}))
    layer.input_shape = read_batch_shape(settings, *shape);
  return layer;
}

json parse_json(const std::string& text) {
  const auto shallow = [](int depth, json::parse_event_t, json&) {
    if (depth > kMaxDepth) throw Error("model_config is nested too deeply");
    return true;
  };
  return json::parse(text, shallow);
}

std::vector<KerasLayer> read_sequential(const json& model, bool keras3) {
  if (!model.is_object() || !model.contains("config")) throw Error("model_config describes no model");
  if (const json kind = model.value("class_name", json()); kind != "Sequential")
    throw Error("model_config describes a " + kind.dump().substr(0, 60) + " model; slimpilot reads Sequential ones");
  const json& config = model["config"];
  const json none;
  const json& list = config.is_object() ? (config.contains("layers") ? config["layers"] : none) : config;
  if (!list.is_array() || list.empty()) throw Error("model_config lists no layers");
  std::vector<KerasLayer> layers;
  std::set<std::string> names;
  for (const json& entry : list) {
    layers.push_back(read_layer(entry, keras3));
    if (layers.size() > 1 && std::holds_alternative<KerasInput>(layers.back().kind))
      throw Error("layer '" + layers.back().name + "' is an InputLayer in the middle of the model");
    if (!names.insert(layers.back().name).second) throw Error("two layers are named '" + layers.back().name + "'");
  }
  if (layers[0].input_shape.empty() && config.is_object() && config.contains("build_input_shape"))
    layers[0].input_shape =
        read_batch_shape(Settings("Sequential", layers[0].name, config, keras3), config["build_input_shape"]);
  return layers;
}

}  // namespace

std::vector<KerasLayer> parse_keras_config(const std::string& model_config, const std::string& keras_version) {
  const bool keras3 = std::atoi(keras_version.c_str()) >= 3;
  try {
    return read_sequential(parse_json(model_config), keras3);
  } catch (const json::exception& error) {
    throw Error("model_config is no JSON that Keras writes: " + std::string(error.what()));
  }
}

}  // namespace slimpilot
