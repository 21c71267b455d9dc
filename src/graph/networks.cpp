// SPDX-License-Identifier: Apache-2.0
// The networks of the reference study.
#include "graph/networks.h"

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

/// Adds layer after layer to a graph.
class Builder {
 public:
  Builder(std::string_view name, Shape input, uint64_t seed) : random_(seed) {
    graph_.name = name;
    last_ = add_value(graph_, "image", std::move(input));
    graph_.inputs = {last_};
    graph_.preprocessing = {.crop_top = 240, .crop_bottom = 480, .resize = true};
    graph_.meaning = {{"v", "m/s", 6.5f, 24}, {"w", "rad/s", -7.1f, 7.1f}};
  }

  void batch_norm() {
    const int c = shape()[3];
    const std::string name = "batch_norm";
    const auto vector = [&](const char* what, float value) {
      return add_constant(graph_, name + "/" + what, {c}, std::vector<float>(static_cast<size_t>(c), value));
    };
    last_ = append_node(graph_, name, BatchNorm{},
                        {last_, vector("gamma", 1), vector("beta", 0), vector("mean", 0), vector("variance", 1)});
  }
  void conv(int filters, int kernel, int stride, Padding padding) {
    const std::string name = "conv" + std::to_string(++convs_);
    const int c = shape()[3];
    const ValueId w = random_weights(name + "/kernel", {filters, kernel, kernel, c}, kReluGain);
    last_ = append_node(graph_, name, Conv2D{stride, stride, padding}, {last_, w, zeros(name + "/bias", filters)});
    activation(name, ActivationKind::relu);
  }
  void dense(int units, ActivationKind kind = ActivationKind::relu) {
    const std::string name = "dense" + std::to_string(++denses_);
    const int inputs = shape()[1];
    const ValueId w = random_weights(name + "/kernel", {units, inputs}, kReluGain);
    last_ = append_node(graph_, name, Dense{}, {last_, w, zeros(name + "/bias", units)});
    if (kind != ActivationKind::none) activation(name, kind);
  }
  /// Gates open half way and a cell passes twice through tanh, so a step shrinks small signals to a quarter.
  void conv_lstm(int filters, int kernel, bool sequences) {
    const std::string name = "conv_lstm" + std::to_string(++lstms_);
    const int c = shape()[4];
    const ValueId w = random_weights(name + "/kernel", {4 * filters, kernel, kernel, c}, kLstmGain);
    const ValueId r = random_weights(name + "/recurrent_kernel", {4 * filters, kernel, kernel, filters}, kLstmGain);
    const ValueId b = zeros(name + "/bias", 4 * filters);
    for (int f = filters; f < 2 * filters; ++f) graph_.value(b).elements<float>()[static_cast<size_t>(f)] = 1;
    last_ = append_node(graph_, name, ConvLstm2D{.return_sequences = sequences}, {last_, w, r, b});
  }
  void reshape(const std::string& name, Shape target) {
    last_ = append_node(graph_, name, Reshape{std::move(target)}, {last_});
  }
  void flatten() { reshape("flatten", {1, static_cast<int>(element_count(shape()))}); }

  const Shape& shape() const { return graph_.value(last_).shape; }
  Preprocessing& preprocessing() { return graph_.preprocessing; }
  Graph finish() {
    graph_.outputs = {last_};
    if (element_count(shape()) != std::ssize(graph_.meaning)) graph_.meaning.clear();
    verify(graph_);
    return std::move(graph_);
  }

 private:
  void activation(const std::string& layer, ActivationKind kind) {
    last_ = append_node(graph_, layer + "/" + std::string(activation_name(kind)), Activation{kind}, {last_});
  }
  ValueId zeros(std::string name, int count) {
    return add_constant(graph_, std::move(name), {count}, std::vector<float>(static_cast<size_t>(count)));
  }
  /// Uniform with variance gain / inputs per output.
  ValueId random_weights(std::string name, Shape shape, double gain) {
    std::vector<float> weights(static_cast<size_t>(element_count(shape)));
    const double inputs = static_cast<double>(element_count(shape)) / shape[0], limit = std::sqrt(3 * gain / inputs);
    for (float& w : weights) w = static_cast<float>(random_.uniform(-limit, limit));
    return add_constant(graph_, std::move(name), std::move(shape), weights);
  }

  static constexpr double kReluGain = 2, kLstmGain = 16;
  Graph graph_;
  Random random_;
  ValueId last_;
  int convs_ = 0, denses_ = 0, lstms_ = 0;
};

/// x/255.
void normalize_unit(Preprocessing& p) {
  for (float& scale : p.scale) scale = 1.0f / 255;
}

/// (x/255 − mean)/deviation with the means and deviations of ImageNet.
void normalize_imagenet(Preprocessing& p) {
  constexpr float mean[] = {0.485f, 0.456f, 0.406f}, deviation[] = {0.229f, 0.224f, 0.225f};
  for (int c = 0; c < 3; ++c) {
    p.scale[c] = 1 / (255 * deviation[c]);
    p.offset[c] = -mean[c] / deviation[c];
  }
}

void dense_layers(Builder& b, const std::vector<int>& units) {
  b.flatten();
  for (size_t i = 0; i + 1 < units.size(); ++i) b.dense(units[i]);
  b.dense(units.back(), ActivationKind::none);
}

Graph pilotnet(std::string_view name, const NetworkWidths& widths, uint64_t seed) {
  const Padding padding = name == "pilotnet_same" ? Padding::same : Padding::valid;
  Builder b(name, {1, 66, 200, 3}, seed);
  if (padding == Padding::same)
    normalize_imagenet(b.preprocessing());
  else
    normalize_unit(b.preprocessing());
  b.batch_norm();
  for (size_t i = 0; i < widths.convs.size(); ++i) b.conv(widths.convs[i], i < 3 ? 5 : 3, i < 3 ? 2 : 1, padding);
  dense_layers(b, widths.dense);
  return b.finish();
}

Graph deepest_lstm_tiny_pilotnet(std::string_view name, const NetworkWidths& widths, uint64_t seed) {
  Builder b(name, {1, 50, 100, 3}, seed);
  normalize_imagenet(b.preprocessing());
  for (const int filters : widths.convs) b.conv(filters, 3, 2, Padding::valid);
  const Shape image = b.shape();
  b.reshape("reshape", {1, 1, image[1], image[2], image[3]});
  for (size_t i = 0; i < widths.lstms.size(); ++i) b.conv_lstm(widths.lstms[i], 5, i + 1 < widths.lstms.size());
  dense_layers(b, widths.dense);
  return b.finish();
}

}  // namespace

std::vector<std::string_view> network_names() { return {"pilotnet", "pilotnet_same", "deepest_lstm_tiny_pilotnet"}; }

NetworkWidths network_widths(std::string_view name) {
  if (name == "pilotnet" || name == "pilotnet_same")
    return {.convs = {24, 36, 48, 64, 64}, .lstms = {}, .dense = {1164, 100, 50, 10, 2}};
  if (name == "deepest_lstm_tiny_pilotnet") return {.convs = {8, 8, 8}, .lstms = {8, 8, 8}, .dense = {50, 10, 2}};
  throw Error("there is no network '" + std::string(name) +
              "'; the networks are pilotnet, pilotnet_same and deepest_lstm_tiny_pilotnet");
}

Graph make_network(std::string_view name, const NetworkWidths& widths, uint64_t seed) {
  const NetworkWidths usual = network_widths(name);
  check(widths.convs.size() == usual.convs.size() && widths.lstms.size() == usual.lstms.size() &&
        widths.dense.size() == usual.dense.size());
  return usual.lstms.empty() ? pilotnet(name, widths, seed) : deepest_lstm_tiny_pilotnet(name, widths, seed);
}

Graph make_network(std::string_view name, uint64_t seed) { return make_network(name, network_widths(name), seed); }

}  // namespace slimpilot
