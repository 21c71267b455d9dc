// SPDX-License-Identifier: Apache-2.0
#include "formats/keras_layers.h"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace slimpilot {
namespace {

using nlohmann::json;

/// What convolutions of images have in common.
template <class Layer>
Layer read_windows(const KerasSettings& settings) {
  settings.require_channels_last();
  settings.require({"dilation_rate", "atrous_rate"}, {json::array({1, 1}), 1});
  settings.require({"groups"}, {1});
  Layer layer;
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

template <class Layer>
Layer read_filters(const KerasSettings& settings) {
  auto layer = read_windows<Layer>(settings);
  layer.filters = settings.positive({"filters", "nb_filter"});
  return layer;
}

KerasKind read_convolution(const KerasSettings& settings) { return read_filters<KerasConvolution>(settings); }

KerasKind read_depthwise(const KerasSettings& settings) {
  settings.require({"depth_multiplier"}, {1});
  return read_windows<KerasDepthwise>(settings);
}

KerasKind read_separable(const KerasSettings& settings) {
  settings.require({"depth_multiplier"}, {1});
  return read_filters<KerasDepthwise>(settings);
}

KerasKind read_convolution3d(const KerasSettings& settings) {
  settings.require_channels_last();
  settings.require({"dilation_rate"}, {json::array({1, 1, 1}), 1});
  settings.require({"groups"}, {1});
  KerasConvolution3D layer{.filters = settings.positive({"filters", "nb_filter"})};
  if (const json* kernel = settings.find({"kernel_size"})) {
    const auto [t, h, w] = settings.tuple<3>("kernel_size", *kernel, 1);
    layer.kernel_t = t, layer.kernel_h = h, layer.kernel_w = w;
  } else {
    layer.kernel_t = settings.positive({"kernel_dim1"});
    layer.kernel_h = settings.positive({"kernel_dim2"}), layer.kernel_w = settings.positive({"kernel_dim3"});
  }
  const auto [t, h, w] = settings.tuple<3>("strides", settings.get({"strides", "subsample"}), 1);
  layer.op.stride_t = t, layer.op.conv = {h, w, settings.padding(), ActivationKind::none};
  layer.use_bias = settings.flag({"use_bias", "bias"}, true);
  return layer;
}

/// What recurrent layers have in common. A stateful one keeps its state from run to run, as a stateful layer does between
/// calls.
template <class Op>
void read_recurrence(const KerasSettings& settings, Op& op) {
  for (const char* other : {"go_backwards", "return_state", "time_major"}) settings.require({other}, {false});
  op.activation = settings.activation("activation");
  op.recurrent_activation = settings.activation("recurrent_activation");
  op.return_sequences = settings.flag({"return_sequences"}, false);
  op.stateful = settings.flag({"stateful"}, false);
}

void refuse_keras1(const KerasSettings& settings, KerasSettings::Names properties) {
  if (settings.find(properties)) settings.fail("Keras 1 stores its gates in another way; save the model with Keras 2");
}

KerasKind read_conv_lstm(const KerasSettings& settings) {
  refuse_keras1(settings, {"nb_filter", "inner_activation"});
  auto layer = read_filters<KerasConvLstm>(settings);
  read_recurrence(settings, layer.op);
  return layer;
}

KerasKind read_lstm(const KerasSettings& settings) {
  refuse_keras1(settings, {"output_dim", "inner_activation"});
  KerasLstm layer{.op = {}, .units = settings.positive({"units"}), .use_bias = settings.flag({"use_bias"}, true)};
  read_recurrence(settings, layer.op);
  return layer;
}

KerasKind read_dense(const KerasSettings& settings) {
  return KerasDense{.units = settings.positive({"units", "output_dim"}), .use_bias = settings.flag({"use_bias", "bias"}, true)};
}

KerasKind read_batch_norm(const KerasSettings& settings) {
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

KerasKind read_pool(const KerasSettings& settings) {
  settings.require_channels_last();
  Pool2D op{.kind = settings.class_name() == "MaxPooling2D" ? PoolKind::max : PoolKind::average};
  const auto [h, w] = settings.pair("pool_size", settings.get({"pool_size"}), 1);
  const auto [stride_h, stride_w] = settings.pair("strides", settings.get({"strides", "pool_size"}), 1);
  op.window_h = h, op.window_w = w, op.stride_h = stride_h, op.stride_w = stride_w;
  op.padding = settings.padding();
  return op;
}

KerasKind read_pool3d(const KerasSettings& settings) {
  settings.require_channels_last();
  const auto [window_t, window_h, window_w] = settings.tuple<3>("pool_size", settings.get({"pool_size"}), 1);
  const auto [t, h, w] = settings.tuple<3>("strides", settings.get({"strides", "pool_size"}), 1);
  const PoolKind kind = settings.class_name() == "MaxPooling3D" ? PoolKind::max : PoolKind::average;
  return KerasPool3D{{kind, window_h, window_w, h, w, settings.padding()}, window_t, t};
}

KerasKind read_global_pool(const KerasSettings& settings) {
  settings.require_channels_last();
  const bool max = settings.class_name().starts_with("GlobalMax"), has_time = settings.class_name().ends_with("3D");
  return KerasGlobalPool{max ? PoolKind::max : PoolKind::average, has_time, settings.flag({"keepdims"}, false)};
}

KerasKind read_permute(const KerasSettings& settings) {
  KerasPermute layer{.order = settings.integers("dims", settings.get({"dims"}), 1)};
  layer.order.insert(layer.order.begin(), 0);
  return layer;
}

KerasKind read_concatenate(const KerasSettings& settings) {
  const json* axis = settings.find({"axis", "concat_axis"});
  return KerasConcatenate{axis ? settings.integer("axis", *axis, -8) : -1};
}

/// Keras 1's layer for all of them.
KerasKind read_merge(const KerasSettings& settings) {
  const json& mode = settings.get({"mode"});
  if (mode == "concat") return read_concatenate(settings);
  if (mode == "sum") return KerasSum{};
  if (mode == "mul") return KerasProduct{};
  settings.fail("mode", mode, "concat, sum and mul");
}

KerasKind read_rescaling(const KerasSettings& settings) {
  const json zero = 0;
  const json* offset = settings.find({"offset"});
  return KerasRescaling{settings.numbers("scale", settings.get({"scale"})),
                        settings.numbers("offset", offset ? *offset : zero)};
}

KerasKind read_normalization(const KerasSettings& settings) {
  settings.require({"axis"}, {-1, json::array({-1})});
  settings.require({"invert"}, {false});
  const json *mean = settings.find({"mean"}), *variance = settings.find({"variance"});
  if (!mean || !variance) return KerasNormalization{};
  return KerasNormalization{settings.numbers("mean", *mean), settings.numbers("variance", *variance)};
}

KerasKind read_flatten(const KerasSettings& settings) {
  settings.require_channels_last();
  return KerasFlatten{};
}

KerasKind read_reshape(const KerasSettings& settings) {
  KerasReshape layer{.target = settings.integers("target_shape", settings.get({"target_shape"}), -1)};
  for (const int extent : layer.target)
    if (extent == 0) settings.fail("target_shape holds a 0");
  return layer;
}

/// n · [rows, columns] · [top, bottom, left, right] · [[top, bottom], [left, right]] · Keras 1's {"top_pad": …}.
template <class Op>
KerasKind read_edges(const KerasSettings& settings, const char* property) {
  settings.require_channels_last();
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
KerasKind read_crop(const KerasSettings& settings) { return read_edges<Crop2D>(settings, "cropping"); }
KerasKind read_pad(const KerasSettings& settings) { return read_edges<Pad2D>(settings, "padding"); }

float slope(const KerasSettings& settings, KerasSettings::Names names, double otherwise) {
  const double alpha = settings.number(names, otherwise);
  if (!std::isfinite(alpha) || std::abs(alpha) > 1e6) settings.fail("its slope is absurd");
  return static_cast<float>(alpha);
}

KerasKind read_relu(const KerasSettings& settings) {
  if (settings.number({"threshold"}, 0) != 0) settings.fail("threshold is not 0; slimpilot supports 0 alone");
  const float below = slope(settings, {"negative_slope"}, 0);
  const json* most = settings.find({"max_value"});
  if (!most) return below == 0 ? KerasKind(Activation{ActivationKind::relu}) : KerasKind(LeakyRelu{below});
  if (below != 0) settings.fail("negative_slope is not 0 beside a max_value; slimpilot supports one of them");
  if (*most == 6) return Activation{ActivationKind::relu6};
  if (*most == 1) return Activation{ActivationKind::relu_0_to_1};
  settings.fail("max_value", *most, "none, 1 and 6");
}

KerasKind read_leaky_relu(const KerasSettings& settings) {
  constexpr double kKerasSlope = 0.3;
  return LeakyRelu{slope(settings, {"alpha", "negative_slope"}, kKerasSlope)};
}

KerasKind read_softmax(const KerasSettings& settings) {
  settings.require({"axis"}, {-1, json::array({-1})});
  return Softmax{};
}

KerasKind read_elu(const KerasSettings& settings) {
  settings.require({"alpha"}, {1});
  return Activation{ActivationKind::elu};
}

KerasKind read_activation(const KerasSettings& settings) {
  const std::optional<Op> op = settings.activation_op("activation");
  if (!op) return KerasDropout{};
  if (const auto* leaky = std::get_if<LeakyRelu>(&*op)) return *leaky;
  if (const auto* activation = std::get_if<Activation>(&*op)) return *activation;
  return Softmax{};
}
KerasKind read_input(const KerasSettings&) { return KerasInput{}; }
KerasKind read_dropout(const KerasSettings&) { return KerasDropout{}; }
KerasKind read_lambda(const KerasSettings&) { return KerasLambda{}; }
KerasKind read_sum(const KerasSettings&) { return KerasSum{}; }
KerasKind read_product(const KerasSettings&) { return KerasProduct{}; }
KerasKind read_quantized_input(const KerasSettings&) { return KerasQuantizedInput{}; }

using Reader = KerasKind (*)(const KerasSettings&);
const std::map<std::string, Reader>& readers() {
  static const std::map<std::string, Reader> table = {
      {"InputLayer", read_input},
      {"Conv2D", read_convolution},
      {"Convolution2D", read_convolution},
      {"ConvLSTM2D", read_conv_lstm},
      {"LSTM", read_lstm},
      {"Conv3D", read_convolution3d},
      {"Convolution3D", read_convolution3d},
      {"DepthwiseConv2D", read_depthwise},
      {"SeparableConv2D", read_separable},
      {"Dense", read_dense},
      {"BatchNormalization", read_batch_norm},
      {"MaxPooling2D", read_pool},
      {"AveragePooling2D", read_pool},
      {"MaxPooling3D", read_pool3d},
      {"AveragePooling3D", read_pool3d},
      {"GlobalMaxPooling2D", read_global_pool},
      {"GlobalAveragePooling2D", read_global_pool},
      {"GlobalMaxPooling3D", read_global_pool},
      {"GlobalAveragePooling3D", read_global_pool},
      {"Permute", read_permute},
      {"Concatenate", read_concatenate},
      {"Add", read_sum},
      {"Multiply", read_product},
      {"Merge", read_merge},
      {"Rescaling", read_rescaling},
      {"Normalization", read_normalization},
      {"QuantizeLayer", read_quantized_input},
      {"Flatten", read_flatten},
      {"Reshape", read_reshape},
      {"Dropout", read_dropout},
      {"SpatialDropout1D", read_dropout},
      {"SpatialDropout2D", read_dropout},
      {"SpatialDropout3D", read_dropout},
      {"AlphaDropout", read_dropout},
      {"GaussianDropout", read_dropout},
      {"GaussianNoise", read_dropout},
      {"ActivityRegularization", read_dropout},
      {"Activation", read_activation},
      {"ReLU", read_relu},
      {"LeakyReLU", read_leaky_relu},
      {"Softmax", read_softmax},
      {"ELU", read_elu},
      {"Cropping2D", read_crop},
      {"ZeroPadding2D", read_pad},
      {"Lambda", read_lambda},
  };
  return table;
}

}  // namespace

KerasKind read_keras_kind(const KerasSettings& settings) {
  const auto reader = readers().find(settings.class_name());
  if (reader == readers().end()) settings.fail("slimpilot does not support this kind of layer");
  settings.require_float32();
  return reader->second(settings);
}

}  // namespace slimpilot
