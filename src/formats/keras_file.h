// SPDX-License-Identifier: Apache-2.0
// What a Keras file (.h5 or .keras) holds, as it is: the configuration's text and each layer's weights in Keras' layout. What
// they mean is for keras_config.h and keras_graph.h.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
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

/// Reads `path` with libhdf5 in a child process, since libhdf5 crashes on hostile files. Throws Error for what is no file
/// saved by model.save, declares more weights than 2 GiB or 64 times its size, or links to other files.
KerasFile load_keras_file(const std::filesystem::path& path);

/// The same of a .keras file: a zip archive of config.json, metadata.json and model.weights.h5.
KerasFile load_keras_archive(const std::filesystem::path& path);

/// The weights alone of the bytes of a model.weights.h5.
KerasFile load_keras_weights(const std::string& bytes);

/// What the child sends, and its inverse, which throws Error for anything else.
std::string encode_keras_file(const KerasFile& file);
KerasFile decode_keras_file(std::string_view bytes);

}  // namespace slimpilot
