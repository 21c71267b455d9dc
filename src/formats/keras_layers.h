// SPDX-License-Identifier: Apache-2.0
// The kinds of Keras layers that slimpilot reads, as plain structs in the words of Keras 2. Whatever the graph cannot express
// is refused when they are read; shapes and weights are checked in keras_graph.cpp.
#pragma once

#include <variant>
#include <vector>

#include "formats/keras_settings.h"
#include "graph/sequences.h"

namespace slimpilot {

struct KerasInput {};
struct KerasConvolution {
  Conv2D op;
  int filters = 1, kernel_h = 1, kernel_w = 1;
  bool use_bias = true;
};
struct KerasConvolution3D {
  Conv3D op;
  int filters = 1, kernel_t = 1, kernel_h = 1, kernel_w = 1;
  bool use_bias = true;
};
struct KerasDepthwise {
  DepthwiseConv2D op;
  int kernel_h = 1, kernel_w = 1;
  int filters = 0;  // of the 1×1 convolution behind it; 0: there is none
  bool use_bias = true;
};
struct KerasDense {
  int units = 1;
  bool use_bias = true;
};
struct KerasConvLstm {
  ConvLstm2D op;
  int filters = 1, kernel_h = 1, kernel_w = 1;
  bool use_bias = true;
};
struct KerasLstm {
  Lstm op;
  int units = 1;
  bool use_bias = true;
};
struct KerasBatchNorm {
  BatchNorm op;
  int axis = -1;  // counts the batch dimension
  bool scale = true, center = true;
};
struct KerasPool3D {
  Pool2D op;
  int window_t = 2, stride_t = 2;
};
struct KerasGlobalPool {
  PoolKind kind = PoolKind::average;
  bool has_time = false, keep_dimensions = false;
};
struct KerasReshape {
  Shape target;  // without batch; one extent may be −1
};
struct KerasPermute {
  std::vector<int> order;  // with the batch in front
};
struct KerasConcatenate {
  int axis = -1;  // counts the batch dimension
};
struct KerasSum {};
struct KerasProduct {};
/// x·scale + offset, one number or one per channel.
struct KerasRescaling {
  std::vector<float> scale, offset;
};
/// (x − mean) / deviation per channel; empty: the file's weights say.
struct KerasNormalization {
  std::vector<float> mean, variance;
};
struct KerasFlatten {};
/// Does nothing when a network is run.
struct KerasDropout {};
/// Marks the network's input in quantization-aware training; its weights are the input's range.
struct KerasQuantizedInput {};
struct KerasLambda {};
// What TimeDistributed does before and after its layer.
struct KerasFrames {};
struct KerasSequence {};

/// Layers that are ops of the graph as they stand, and those that still need shapes or weights.
using KerasKind =
    std::variant<KerasInput, KerasConvolution, KerasConvolution3D, KerasDepthwise, KerasDense, KerasConvLstm, KerasLstm,
                 KerasBatchNorm, KerasPool3D, KerasGlobalPool, KerasReshape, KerasPermute, KerasConcatenate, KerasSum,
                 KerasProduct, KerasRescaling, KerasNormalization, KerasFlatten, KerasDropout, KerasQuantizedInput, KerasLambda,
                 KerasFrames, KerasSequence, Pool2D, Activation, LeakyRelu, Softmax, Crop2D, Pad2D>;

/// The layer that these settings describe. Throws Error for a class that slimpilot does not know and for properties that it
/// does not support.
KerasKind read_keras_kind(const KerasSettings& settings);

}  // namespace slimpilot
