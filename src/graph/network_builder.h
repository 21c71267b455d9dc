// SPDX-License-Identifier: Apache-2.0
// Layer after layer of a named network, with random weights; networks.cpp says which.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "graph/networks.h"

namespace slimpilot {

/// A convolution of images; `same` pads as Keras does.
struct ConvLayer {
  int filters, kernel, stride = 1;
  Padding padding = Padding::valid;
  bool relu = true;
};

/// Every layer reads the last value and becomes it. Layers are numbered by kind from 1: "conv1", "dense2", ….
class NetworkBuilder {
 public:
  NetworkBuilder(std::string_view name, Shape input, uint64_t seed, const NetworkOptions& options);

  /// "batch_norm", and from the second on "batch_norm2", …; along the last dimension.
  void batch_norm(float epsilon = 1e-3f);
  void conv(const ConvLayer& layer);
  /// A cube of `kernel` cells and frames over a sequence [1,T,H,W,C], with ReLU and Keras' `same` padding; the result is a
  /// batch of frames.
  void conv3d(int filters, int kernel, int stride);
  void dense(int units, ActivationKind kind = ActivationKind::relu);
  void conv_lstm(int filters, int kernel, bool sequences);
  void lstm(int units, bool sequences);
  void max_pool(int window, int stride);
  void average_pool(int window, int stride);
  /// Of a single frame, over all of its cells.
  void global_average_pool();
  void pad(int cells);
  /// Called LAYER/relu.
  void relu(const std::string& layer) { activation(layer, ActivationKind::relu); }
  void concat_channels(std::vector<ValueId> branches);
  void reshape(const std::string& name, Shape target);
  void flatten();
  /// From a sequence to a batch of frames and back.
  void frames();
  void sequence();

  ValueId last() const { return last_; }
  void go_back_to(ValueId value) { last_ = value; }
  const Shape& shape() const { return graph_.value(last_).shape; }
  Preprocessing& preprocessing() { return graph_.preprocessing; }
  /// The last value is one of the outputs; without any call the last of all is the only one.
  void output() { graph_.outputs.push_back(last_); }
  Graph finish();

 private:
  std::string numbered(const std::string& kind, int& count) { return kind + std::to_string(++count); }
  void activation(const std::string& layer, ActivationKind kind);
  void pool(const std::string& name, PoolKind kind, int window_h, int window_w, int stride);
  ValueId zeros(std::string name, int count);
  ValueId lstm_bias(std::string name, int units);
  std::vector<float> random_numbers(size_t count, double inputs, double outputs, double gain);
  ValueId random_weights(std::string name, Shape shape, double gain);
  std::vector<float> orthogonal_rows(size_t rows, size_t columns);

  Initialization initialization_;
  Graph graph_;
  Random random_;
  ValueId last_;
  int batch_norms_ = 0, convs_ = 0, denses_ = 0, conv_lstms_ = 0, lstms_ = 0, pools_ = 0, pads_ = 0, concats_ = 0,
      sequences_ = 0;
};

}  // namespace slimpilot
