// SPDX-License-Identifier: Apache-2.0
// The networks of the reference study.
#include "graph/networks.h"

#include <cmath>
#include <numeric>
#include <span>

#include "base/error.h"
#include "base/random.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

/// Adds layer after layer to a graph.
class Builder {
 public:
  Builder(std::string_view name, Shape input, uint64_t seed, const NetworkOptions& options)
      : initialization_(options.initialization), random_(seed) {
    graph_.name = name;
    last_ = add_value(graph_, "image", std::move(input));
    graph_.inputs = {last_};
    graph_.preprocessing = {.crop_top = 240, .crop_bottom = 480, .resize = true};
    graph_.meaning = options.outputs;
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
    const Shape recurrent{4 * filters, kernel, kernel, filters};
    const ValueId r = initialization_ == Initialization::keras
                          ? orthogonal_weights(name + "/recurrent_kernel", recurrent)
                          : random_weights(name + "/recurrent_kernel", recurrent, kLstmGain);
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
  /// Uniform with variance gain / inputs per output, or Glorot's 2 / (inputs + outputs) over the window.
  ValueId random_weights(std::string name, Shape shape, double gain) {
    std::vector<float> weights(static_cast<size_t>(element_count(shape)));
    const double count = static_cast<double>(weights.size()), inputs = count / shape[0], outputs = count / shape.back();
    const double variance = initialization_ == Initialization::keras ? 2 / (inputs + outputs) : gain / inputs;
    const double limit = std::sqrt(3 * variance);
    for (float& w : weights) w = static_cast<float>(random_.uniform(-limit, limit));
    return add_constant(graph_, std::move(name), std::move(shape), weights);
  }
  /// Rows [shape[0]] of length one at right angles: Gram-Schmidt on normally distributed numbers. Needs rows at least as long
  /// as there are rows.
  ValueId orthogonal_weights(std::string name, Shape shape) {
    const auto rows = static_cast<size_t>(shape[0]), columns = static_cast<size_t>(element_count(shape)) / rows;
    check(rows <= columns);
    std::vector<double> q(rows * columns);
    for (size_t row = 0; row < rows; ++row) {
      const std::span current(q.data() + row * columns, columns);
      for (double& x : current) x = random_.normal();
      for (size_t other = 0; other < row; ++other) {
        const double* direction = q.data() + other * columns;
        const double part = std::inner_product(current.begin(), current.end(), direction, 0.0);
        for (size_t i = 0; i < columns; ++i) current[i] -= part * direction[i];
      }
      const double length = std::sqrt(std::inner_product(current.begin(), current.end(), current.begin(), 0.0));
      for (double& x : current) x /= length;
    }
    return add_constant(graph_, std::move(name), std::move(shape), std::vector<float>(q.begin(), q.end()));
  }

  static constexpr double kReluGain = 2, kLstmGain = 16;
  Initialization initialization_;
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

Graph pilotnet(std::string_view name, const NetworkWidths& widths, uint64_t seed, const NetworkOptions& options) {
  const Padding padding = name == "pilotnet_same" ? Padding::same : Padding::valid;
  Builder b(name, {1, 66, 200, 3}, seed, options);
  if (padding == Padding::same)
    normalize_imagenet(b.preprocessing());
  else
    normalize_unit(b.preprocessing());
  b.batch_norm();
  for (size_t i = 0; i < widths.convs.size(); ++i) b.conv(widths.convs[i], i < 3 ? 5 : 3, i < 3 ? 2 : 1, padding);
  dense_layers(b, widths.dense);
  return b.finish();
}

Graph deepest_lstm_tiny_pilotnet(std::string_view name, const NetworkWidths& widths, uint64_t seed,
                                 const NetworkOptions& options) {
  Builder b(name, {1, 50, 100, 3}, seed, options);
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

Graph make_network(std::string_view name, uint64_t seed, const NetworkOptions& options) {
  NetworkWidths widths = network_widths(name);
  if (options.widths) {
    check(widths.convs.size() == options.widths->convs.size() && widths.lstms.size() == options.widths->lstms.size() &&
          widths.dense.size() == options.widths->dense.size());
    widths = *options.widths;
  } else {
    widths.dense.back() = static_cast<int>(options.outputs.size());
  }
  return widths.lstms.empty() ? pilotnet(name, widths, seed, options) : deepest_lstm_tiny_pilotnet(name, widths, seed, options);
}

}  // namespace slimpilot
