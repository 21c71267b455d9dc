// SPDX-License-Identifier: Apache-2.0
// The loader of Keras files: starts the child that reads with libhdf5 (keras_hdf5.cpp) and carries its answer over.
#include "formats/keras_file.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "formats/keras_hdf5.h"
#include "formats/zip_archive.h"
#include "host/atomic_file.h"
#include "host/child_process.h"

namespace slimpilot {
namespace {

void put(std::string& bytes, uint64_t number) { bytes.append(reinterpret_cast<const char*>(&number), sizeof number); }
void put(std::string& bytes, std::string_view text) {
  put(bytes, uint64_t{text.size()});
  bytes.append(text);
}

/// Takes the answer apart, never beyond its end: a hostile file may have taken over the child.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : left_(bytes) {}

  std::string_view take(uint64_t count) {
    if (count > left_.size()) fail();
    const std::string_view taken = left_.substr(0, count);
    left_.remove_prefix(count);
    return taken;
  }
  uint64_t number() {
    uint64_t value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  /// The number of items that follow, each of at least 8 bytes.
  uint64_t count() {
    const uint64_t items = number();
    if (items > left_.size() / 8) fail();
    return items;
  }
  std::string text() { return std::string(take(number())); }
  void finish() const {
    if (!left_.empty()) fail();
  }
  [[noreturn]] static void fail() { throw Error("the HDF5 reader's answer is garbled: the file is damaged, try a fresh copy"); }

 private:
  std::string_view left_;
};

KerasTensor take_tensor(Cursor& cursor) {
  KerasTensor tensor{.name = cursor.text()};
  uint64_t count = 1;
  for (uint64_t rank = cursor.count(); rank > 0; --rank) {
    const uint64_t extent = cursor.number();
    if (extent == 0 || extent > kKerasWeightBytes || (count *= extent) > kKerasWeightBytes) Cursor::fail();
    tensor.shape.push_back(static_cast<int>(extent));
  }
  const std::string_view bytes = cursor.take(count * sizeof(float));
  tensor.values.resize(count);
  std::memcpy(tensor.values.data(), bytes.data(), bytes.size());
  return tensor;
}

ChildLimits limits_for(uint64_t file_bytes) {
  const size_t weights = keras_weight_budget(file_bytes);
  return {.memory_bytes = 4 * weights + (size_t{256} << 20),
          .result_bytes = weights + (size_t{64} << 20),
          .cpu_seconds = 5 + static_cast<int>(weights >> 25),
          .wall_seconds = 20 + static_cast<int>(weights >> 23)};
}

}  // namespace

std::string encode_keras_file(const KerasFile& file) {
  std::string bytes;
  put(bytes, file.keras_version);
  put(bytes, file.model_config);
  put(bytes, uint64_t{file.has_paths});
  put(bytes, uint64_t{file.layers.size()});
  for (const KerasLayerWeights& layer : file.layers) {
    put(bytes, layer.layer);
    put(bytes, uint64_t{layer.tensors.size()});
    for (const KerasTensor& tensor : layer.tensors) {
      put(bytes, tensor.name);
      put(bytes, uint64_t{tensor.shape.size()});
      for (const int extent : tensor.shape) put(bytes, static_cast<uint64_t>(extent));
      bytes.append(reinterpret_cast<const char*>(tensor.values.data()), tensor.values.size() * sizeof(float));
    }
  }
  return bytes;
}

KerasFile decode_keras_file(std::string_view bytes) {
  Cursor cursor(bytes);
  KerasFile file{.keras_version = cursor.text(), .model_config = cursor.text(), .has_paths = cursor.number() != 0};
  for (uint64_t layers = cursor.count(); layers > 0; --layers) {
    KerasLayerWeights& layer = file.layers.emplace_back();
    layer.layer = cursor.text();
    for (uint64_t tensors = cursor.count(); tensors > 0; --tensors) layer.tensors.push_back(take_tensor(cursor));
  }
  cursor.finish();
  return file;
}

namespace {

void need_file(const std::filesystem::path& path) {
  std::error_code failure;
  if (!std::filesystem::is_regular_file(path, failure)) throw Error("is no file, or cannot be read; check the path");
}

KerasFile read_in_child(const std::function<KerasFile()>& read, uint64_t file_bytes) {
  const auto work = [&] { return encode_keras_file(read()); };
  return decode_keras_file(run_in_child("the HDF5 reader", work, limits_for(file_bytes)));
}

/// "3.5.0" of {"keras_version": "3.5.0", …}; files may lack it.
std::string version_of(const std::string& metadata) {
  const auto json = nlohmann::json::parse(metadata, nullptr, false);
  if (!json.is_object() || !json.contains("keras_version") || !json["keras_version"].is_string())
    throw Error("metadata.json does not say keras_version; save the model again");
  return json["keras_version"].get<std::string>();
}

}  // namespace

KerasFile load_keras_weights(const std::string& bytes) {
  return read_in_child([&] { return read_keras_weights(bytes); }, bytes.size());
}

KerasFile load_keras_archive(const std::filesystem::path& path) {
  need_file(path);
  const std::string file = read_file(path);
  ZipArchive archive(file);
  for (const char* entry : {"config.json", "metadata.json", "model.weights.h5"})
    if (!archive.has(entry))
      throw Error(std::string("is no .keras file: it has no ") + entry + "; save the model with model.save(\"NAME.keras\")");
  const std::string weights = archive.read("model.weights.h5");
  KerasFile content = load_keras_weights(weights);
  content.model_config = archive.read("config.json");
  content.keras_version = version_of(archive.read("metadata.json"));
  return content;
}

KerasFile load_keras_file(const std::filesystem::path& path) {
  need_file(path);
  std::error_code failure;
  const uint64_t file_bytes = std::filesystem::file_size(path, failure);
  if (failure) throw Error("cannot be read: " + failure.message());
  return read_in_child([&] { return read_keras_hdf5(path.string(), file_bytes); }, file_bytes);
}

}  // namespace slimpilot
