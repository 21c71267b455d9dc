// SPDX-License-Identifier: Apache-2.0
// What a Keras file (.h5 or .keras) holds, as it is: the configuration's text and each layer's weights in Keras' layout. What
// they mean is for keras_config.h and keras_graph.h.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace slimpilot {

struct KerasTensor {
  std::string name;  // as in the file, for example "conv2d/kernel:0"
  Shape shape;       // every extent positive
  std::vector<float> values;
};

struct KerasLayerWeights {
  std::string layer;                 // its name, or where there are paths that: "layers/conv2d"
  std::vector<KerasTensor> tensors;  // in Keras' order
};

struct KerasFile {
  std::string keras_version;  // "2.10.0"; empty: not in the file
  std::string model_config;   // JSON
  bool has_paths = false;     // .keras files know layers by their kind and number
  std::vector<KerasLayerWeights> layers;
};

}  // namespace slimpilot
