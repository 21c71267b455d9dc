// SPDX-License-Identifier: Apache-2.0
// A model's configuration (JSON of Keras 1.2, 2 or 3) as layers and the calls that connect them. Models in models, and what
// TimeDistributed and quantization-aware training wrap around a layer, are taken apart: what is left is one list of calls.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "formats/keras_layers.h"
#include "formats/keras_places.h"

namespace slimpilot {

struct KerasLayer {
  std::string name;  // "model/layer" in a model of its own
  KerasKind kind;
  KerasPlace place;
  std::optional<Op> activation;  // follows the layer
  Shape input_shape;             // without batch, −1: any; empty: not given
  bool is_quantized = false;     // in training; ranges stand beside its weights
};

/// A layer on the results of others. A layer may be called several times.
struct KerasCall {
  size_t layer;
  std::vector<size_t> inputs;  // calls; none: the result is an input of the network
};

struct KerasNetwork {
  std::vector<KerasLayer> layers;  // names distinct
  std::vector<KerasCall> calls;    // in topological order
  std::vector<size_t> inputs, outputs;
};

/// `keras_version` is the file's ("" for unknown): hard_sigmoid of Keras 3 is another function. Throws Error naming layer and
/// property for what is not supported or no such configuration.
KerasNetwork parse_keras_config(const std::string& model_config, const std::string& keras_version);

}  // namespace slimpilot
