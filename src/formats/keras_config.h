// SPDX-License-Identifier: Apache-2.0
// A Sequential model's configuration (JSON of Keras 1.2, 2 or 3) as plain structs in the words of Keras 2. Whatever the
// graph cannot express is refused here; shapes and weights are checked in keras_graph.cpp.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "graph/graph.h"

namespace slimpilot {

struct KerasInput {};
struct KerasConvolution {
  Conv2D op;
  int filters = 1, kernel_h = 1, kernel_w = 1;
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
struct KerasBatchNorm {
  BatchNorm op;
  int axis = -1;  // counts the batch dimension
  bool scale = true, center = true;
};
struct KerasReshape {
  Shape target;  // without batch; one extent may be −1
};
struct KerasFlatten {};
struct KerasDropout {};
struct KerasLambda {};

/// Layers that are ops of the graph as they stand, and those that still need shapes or weights.
using KerasKind = std::variant<KerasInput, KerasConvolution, KerasDense, KerasConvLstm, KerasBatchNorm, KerasReshape,
                               KerasFlatten, KerasDropout, KerasLambda, Pool2D, Activation, Crop2D, Pad2D>;

struct KerasLayer {
  std::string name;
  KerasKind kind;
  ActivationKind activation = ActivationKind::none;  // follows the layer
  Shape input_shape;                                 // without batch, −1: any; empty: not given
};

/// The layers in order, at least one, names distinct. `keras_version` is the file's ("" for unknown): hard_sigmoid of Keras
/// 3 is another function. Throws Error naming layer and property for what is not supported or no such configuration.
std::vector<KerasLayer> parse_keras_config(const std::string& model_config, const std::string& keras_version);

}  // namespace slimpilot
