// SPDX-License-Identifier: Apache-2.0
// The loader of Keras .h5 files: starts the child that reads with libhdf5 (keras_hdf5.cpp) and carries its answer over.
#include "formats/keras_file.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "formats/keras_hdf5.h"
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

size_t keras_weight_budget(uint64_t file_bytes) {
  return static_cast<size_t>(file_bytes > kKerasWeightBytes / 64 ? kKerasWeightBytes : file_bytes * 64);
}

std::string encode_keras_file(const KerasFile& file) {
  std::string bytes;
  put(bytes, file.keras_version);
  put(bytes, file.model_config);
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
  KerasFile file{.keras_version = cursor.text(), .model_config = cursor.text()};
  for (uint64_t layers = cursor.count(); layers > 0; --layers) {
    KerasLayerWeights& layer = file.layers.emplace_back();
    layer.layer = cursor.text();
    for (uint64_t tensors = cursor.count(); tensors > 0; --tensors) layer.tensors.push_back(take_tensor(cursor));
  }
  cursor.finish();
  return file;
}

KerasFile load_keras_file(const std::filesystem::path& path) {
  std::error_code failure;
  if (!std::filesystem::is_regular_file(path, failure)) throw Error("is no file, or cannot be read; check the path");
  const uint64_t file_bytes = std::filesystem::file_size(path, failure);
  if (failure) throw Error("cannot be read: " + failure.message());
  const auto work = [&] { return encode_keras_file(read_keras_hdf5(path.string(), file_bytes)); };
  return decode_keras_file(run_in_child("the HDF5 reader", work, limits_for(file_bytes)));
}

}  // namespace slimpilot
