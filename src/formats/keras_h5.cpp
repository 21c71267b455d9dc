// SPDX-License-Identifier: Apache-2.0
// The importer of Keras files: file → layers and weights (keras_file.h) → graph (keras_graph.h), errors with the file.
#include "formats/file_errors.h"
#include "formats/formats.h"
#include "formats/keras_file.h"
#include "formats/keras_graph.h"

namespace slimpilot {

namespace {

Graph read(const std::filesystem::path& path, const ReadOptions& options, KerasFile (*load)(const std::filesystem::path&)) {
  return with_file_name(path, [&] {
    Graph graph = keras_graph(load(path), options);
    graph.name = path.stem().string();
    return graph;
  });
}

}  // namespace

Graph read_keras_h5(const std::filesystem::path& path, const ReadOptions& options) {
  return read(path, options, load_keras_file);
}

Graph read_keras_archive(const std::filesystem::path& path, const ReadOptions& options) {
  return read(path, options, load_keras_archive);
}

}  // namespace slimpilot
