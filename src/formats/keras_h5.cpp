// SPDX-License-Identifier: Apache-2.0
// The importer of Keras .h5 files: file → layers and weights (keras_file.h) → graph (keras_graph.h), errors with the file.
#include <algorithm>

#include "base/error.h"
#include "formats/formats.h"
#include "formats/keras_file.h"
#include "formats/keras_graph.h"

namespace slimpilot {

Graph read_keras_h5(const std::filesystem::path& path, const ReadOptions& options) {
  try {
    Graph graph = keras_graph(load_keras_file(path), options);
    graph.name = path.stem().string();
    return graph;
  } catch (const Error& error) {
    std::string message = path.string() + ": " + error.what();
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; };
    std::replace_if(message.begin(), message.end(), is_control, '?');  // names in hostile files may drive a terminal
    throw Error(message);
  }
}

}  // namespace slimpilot
