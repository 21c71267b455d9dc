// SPDX-License-Identifier: Apache-2.0
#include "graph/network_builder.h"

#include <cmath>
#include <numeric>
#include <span>

#include "base/error.h"
#include "graph/edit.h"
#include "graph/sequences.h"

namespace slimpilot {
namespace {

/// Variance of weights times inputs that keeps signals at their size. Gates open half way and a cell passes twice through tanh,
/// so a step of an LSTM shrinks small signals to a quarter.
constexpr double kReluGain = 2, kLstmGain = 16;

}  // namespace

NetworkBuilder::NetworkBuilder(std::string_view name, Shape input, uint64_t seed, const NetworkOptions& options)
    : initialization_(options.initialization), random_(seed) {
  graph_.name = name;
  last_ = add_value(graph_, "image", std::move(input));
  graph_.inputs = {last_};
  graph_.preprocessing = {.crop_top = 240, .crop_bottom = 480, .resize = true};
  graph_.meaning = options.outputs;
}

void NetworkBuilder::batch_norm(float epsilon) {
  const int c = shape().back();
  const std::string name = ++batch_norms_ == 1 ? "batch_norm" : "batch_norm" + std::to_string(batch_norms_);
  const auto vector = [&](const char* what, float value) {
    return add_constant(graph_, name + "/" + what, {c}, std::vector<float>(static_cast<size_t>(c), value));
  };
  last_ = append_node(graph_, name, BatchNorm{epsilon},
                      {last_, vector("gamma", 1), vector("beta", 0), vector("mean", 0), vector("variance", 1)});
}

void NetworkBuilder::conv(const ConvLayer& layer) {
  const std::string name = numbered("conv", convs_);
  const ValueId w = random_weights(name + "/kernel", {layer.filters, layer.kernel, layer.kernel, shape()[3]}, kReluGain);
  last_ = append_node(graph_, name, Conv2D{layer.stride, layer.stride, layer.padding},
                      {last_, w, zeros(name + "/bias", layer.filters)});
  if (layer.relu) activation(name, ActivationKind::relu);
}

void NetworkBuilder::conv3d(int filters, int kernel, int stride) {
  const std::string name = numbered("conv", convs_);
  const Shape weights{kernel, kernel, kernel, shape()[4], filters};
  const auto window = static_cast<double>(kernel) * kernel * kernel;
  const auto numbers =
      random_numbers(static_cast<size_t>(element_count(weights)), window * shape()[4], window * filters, kReluGain);
  const ValueId w = add_constant(graph_, name + "/kernel", weights, numbers);
  const Conv3D op{{stride, stride, Padding::same}, stride};
  last_ = append_conv3d(graph_, name, op, last_, w, zeros(name + "/bias", filters));
  activation(name, ActivationKind::relu);
}

void NetworkBuilder::dense(int units, ActivationKind kind) {
  const std::string name = numbered("dense", denses_);
  const ValueId w = random_weights(name + "/kernel", {units, shape()[1]}, kReluGain);
  last_ = append_node(graph_, name, Dense{}, {last_, w, zeros(name + "/bias", units)});
  if (kind != ActivationKind::none) activation(name, kind);
}

void NetworkBuilder::conv_lstm(int filters, int kernel, bool sequences) {
  const std::string name = numbered("conv_lstm", conv_lstms_);
  const ValueId w = random_weights(name + "/kernel", {4 * filters, kernel, kernel, shape()[4]}, kLstmGain);
  const Shape recurrent{4 * filters, kernel, kernel, filters};
  const auto rows = static_cast<size_t>(4 * filters), columns = static_cast<size_t>(element_count(recurrent)) / rows;
  const ValueId r = initialization_ == Initialization::keras
                        ? add_constant(graph_, name + "/recurrent_kernel", recurrent, orthogonal_rows(rows, columns))
                        : random_weights(name + "/recurrent_kernel", recurrent, kLstmGain);
  last_ = append_node(graph_, name, ConvLstm2D{.return_sequences = sequences}, {last_, w, r, lstm_bias(name, filters)});
}

void NetworkBuilder::lstm(int units, bool sequences) {
  const std::string name = numbered("lstm", lstms_);
  const ValueId w = random_weights(name + "/kernel", {4 * units, shape()[2]}, kLstmGain);
  ValueId r;
  if (initialization_ == Initialization::keras) {
    const auto rows = static_cast<size_t>(units), columns = 4 * rows;
    const auto keras = orthogonal_rows(rows, columns);  // [F,4·F]; ours is [4·F,F]
    std::vector<float> turned(keras.size());
    for (size_t i = 0; i < keras.size(); ++i) turned[i % columns * rows + i / columns] = keras[i];
    r = add_constant(graph_, name + "/recurrent_kernel", {4 * units, units}, turned);
  } else {
    r = random_weights(name + "/recurrent_kernel", {4 * units, units}, kLstmGain);
  }
  last_ = append_node(graph_, name, Lstm{.return_sequences = sequences}, {last_, w, r, lstm_bias(name, units)});
}

void NetworkBuilder::pool(const std::string& name, PoolKind kind, int window_h, int window_w, int stride) {
  last_ = append_node(graph_, name, Pool2D{kind, window_h, window_w, stride, stride}, {last_});
}
void NetworkBuilder::max_pool(int window, int stride) { pool(numbered("pool", pools_), PoolKind::max, window, window, stride); }
void NetworkBuilder::average_pool(int window, int stride) {
  pool(numbered("pool", pools_), PoolKind::average, window, window, stride);
}
void NetworkBuilder::global_average_pool() {
  check(shape()[0] == 1);
  const int channels = shape()[3];
  pool("global_average", PoolKind::average, shape()[1], shape()[2], 1);
  reshape("global_average/row", {1, channels});
}

void NetworkBuilder::pad(int cells) {
  last_ = append_node(graph_, numbered("pad", pads_), Pad2D{cells, cells, cells, cells}, {last_});
}

void NetworkBuilder::concat_channels(std::vector<ValueId> branches) {
  last_ = append_node(graph_, numbered("concat", concats_), Concat{3}, std::move(branches));
}

void NetworkBuilder::reshape(const std::string& name, Shape target) {
  last_ = append_node(graph_, name, Reshape{std::move(target)}, {last_});
}
void NetworkBuilder::flatten() { reshape("flatten", {1, static_cast<int>(element_count(shape()))}); }

void NetworkBuilder::frames() { last_ = append_frames(graph_, "frames", last_); }
void NetworkBuilder::sequence() { last_ = append_sequence(graph_, numbered("sequence", sequences_), last_); }

Graph NetworkBuilder::finish() {
  if (graph_.outputs.empty()) output();
  remove_unused(graph_);  // 3-D kernels, of which others were made
  int64_t results = 0;
  for (const ValueId id : graph_.outputs) results += element_count(graph_.value(id).shape);
  if (results != std::ssize(graph_.meaning)) graph_.meaning.clear();
  verify(graph_);
  return std::move(graph_);
}

void NetworkBuilder::activation(const std::string& layer, ActivationKind kind) {
  last_ = append_node(graph_, layer + "/" + std::string(activation_name(kind)), Activation{kind}, {last_});
}

ValueId NetworkBuilder::zeros(std::string name, int count) {
  return add_constant(graph_, std::move(name), {count}, std::vector<float>(static_cast<size_t>(count)));
}

/// Zero, but one for the forget gates.
ValueId NetworkBuilder::lstm_bias(std::string name, int units) {
  const ValueId b = zeros(std::move(name) + "/bias", 4 * units);
  for (int f = units; f < 2 * units; ++f) graph_.value(b).elements<float>()[static_cast<size_t>(f)] = 1;
  return b;
}

/// Uniform with variance gain / inputs, or Glorot's 2 / (inputs + outputs).
std::vector<float> NetworkBuilder::random_numbers(size_t count, double inputs, double outputs, double gain) {
  const double variance = initialization_ == Initialization::keras ? 2 / (inputs + outputs) : gain / inputs;
  const double limit = std::sqrt(3 * variance);
  std::vector<float> numbers(count);
  for (float& w : numbers) w = static_cast<float>(random_.uniform(-limit, limit));
  return numbers;
}

/// Inputs and outputs are counted over the window.
ValueId NetworkBuilder::random_weights(std::string name, Shape shape, double gain) {
  const auto count = static_cast<double>(element_count(shape));
  const auto numbers = random_numbers(static_cast<size_t>(count), count / shape[0], count / shape.back(), gain);
  return add_constant(graph_, std::move(name), std::move(shape), numbers);
}

/// Rows of length one at right angles: Gram-Schmidt on normally distributed numbers. Needs rows at least as long as there are
/// rows.
std::vector<float> NetworkBuilder::orthogonal_rows(size_t rows, size_t columns) {
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
  return {q.begin(), q.end()};
}

}  // namespace slimpilot
