// SPDX-License-Identifier: Apache-2.0
// The importer of Keras .h5 files: file → layers and weights (keras_file.h) → graph (keras_graph.h), errors with the file.
#include "formats/file_errors.h"
#include "formats/formats.h"
#include "formats/keras_file.h"
#include "formats/keras_graph.h"

namespace slimpilot {

Graph read_keras_h5(const std::filesystem::path& path, const ReadOptions& options) {
  return with_file_name(path, [&] {
    Graph graph = keras_graph(load_keras_file(path), options);
    graph.name = path.stem().string();
    return graph;
  });
}

}  // namespace slimpilot
