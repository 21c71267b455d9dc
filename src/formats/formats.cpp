// SPDX-License-Identifier: Apache-2.0
// Chooses the format by the file's ending.
#include "formats/formats.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "formats/file_errors.h"
#include "host/atomic_file.h"

namespace slimpilot {
namespace {

std::string ending(const std::filesystem::path& path) {
  std::string text = path.extension().string();
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

Graph read_slim_file(const std::filesystem::path& path) {
  return with_file_name(path, [&] {
    const std::string bytes = read_file(path);
    return read_slim(std::as_bytes(std::span(bytes)));
  });
}

}  // namespace

Graph read_model(const std::filesystem::path& path, const ReadOptions& options) {
  const std::string kind = ending(path);
  if (kind == ".h5") return read_keras_h5(path, options);
  if (kind == ".keras") return read_keras_archive(path, options);
  if (kind == ".tflite") return read_tflite(path);
  if (kind == ".onnx") return read_onnx(path);
  if (kind == ".slim") return read_slim_file(path);
  if (kind == ".pth" || kind == ".pt" || kind == ".ckpt") return read_torch_checkpoint(path);
  throw Error(
      path.string() +
      ": cannot tell the model's format from this ending; .h5, .keras, .onnx, .tflite, .slim, .pth, .pt and .ckpt are read");
}

size_t write_model(const Graph& graph, const std::filesystem::path& path, const SlimOptions& slim) {
  const std::string kind = ending(path);
  const auto write = [&](const auto& bytes) {
    write_file_atomically(path, bytes);
    return bytes.size();
  };
  if (kind == ".tflite") return write(with_file_name(path, [&] { return to_tflite(graph); }));
  if (kind == ".onnx") return write(with_file_name(path, [&] { return to_onnx(graph); }));
  if (kind == ".slim") return write(with_file_name(path, [&] { return to_slim(graph, slim); }));
  throw Error(path.string() + ": cannot write this format; name the file .tflite, .onnx or .slim");
}

}  // namespace slimpilot
