// SPDX-License-Identifier: Apache-2.0
// Chooses the format by the file's ending.
#include "formats/formats.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "host/atomic_file.h"

namespace slimpilot {
namespace {

std::string ending(const std::filesystem::path& path) {
  std::string text = path.extension().string();
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

Graph read_model(const std::filesystem::path& path, const ReadOptions& options) {
  const std::string kind = ending(path);
  if (kind == ".h5") return read_keras_h5(path, options);
  if (kind == ".tflite") return read_tflite(path);
  if (kind == ".pth" || kind == ".pt" || kind == ".ckpt") return read_torch_checkpoint(path);
  throw Error(path.string() + ": cannot tell the model's format from this ending; .h5, .tflite, .pth, .pt and .ckpt are read");
}

size_t write_model(const Graph& graph, const std::filesystem::path& path) {
  if (ending(path) != ".tflite") throw Error(path.string() + ": cannot write this format; name the file .tflite");
  std::string bytes;
  try {
    bytes = to_tflite(graph);
  } catch (const Error& error) {
    throw Error(path.string() + ": " + error.what());
  }
  write_file_atomically(path, bytes);
  return bytes.size();
}

}  // namespace slimpilot
