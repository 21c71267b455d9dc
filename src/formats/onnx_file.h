// SPDX-License-Identifier: Apache-2.0
// What an ONNX file says, as plain structs: the messages and fields that slimpilot uses, read and written. What operators mean
// is elsewhere: onnx_read.cpp, onnx_write.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace slimpilot {

/// TensorProto.DataType, as far as slimpilot computes with it.
enum class OnnxType : int64_t {
  none = 0,
  float32 = 1,
  uint8 = 2,
  int8 = 3,
  int16 = 5,
  int32 = 6,
  int64 = 7,
  boolean = 9,
  float16 = 10,
  float64 = 11,
  bfloat16 = 16,
};

/// A constant. Its numbers are `raw` (little-endian), or one of the lists, of which `integers` holds all integer types and the
/// bits of float16 and bfloat16.
struct OnnxTensor {
  std::string name;
  std::vector<int64_t> dims;
  OnnxType type = OnnxType::none;
  std::string_view raw;  // into the file, or what the writer keeps
  std::vector<int64_t> integers;
  std::vector<float> floats;
  std::vector<double> doubles;
};

struct OnnxAttribute {
  std::string name;
  enum class Kind : uint8_t { other = 0, real = 1, integer = 2, text = 3, tensor = 4, reals = 6, integers = 7 };
  Kind kind = Kind::other;
  float real = 0;
  int64_t integer = 0;
  std::string text;
  std::vector<OnnxTensor> tensor;  // one, or none
  std::vector<float> reals;
  std::vector<int64_t> integers;
};

struct OnnxNode {
  std::string name, kind, domain;  // kind: "Conv"
  std::vector<std::string> inputs, outputs;
  std::vector<OnnxAttribute> attributes;
};

/// A graph's input or output; −1: a dimension that the file leaves open.
struct OnnxValueInfo {
  std::string name;
  OnnxType type = OnnxType::none;
  std::optional<std::vector<int64_t>> dims;
};

struct OnnxOpset {
  std::string domain;
  int64_t version = 0;
};

struct OnnxProperty {
  std::string key, value;
};

struct OnnxModel {
  int64_t ir_version = 0;
  std::string producer, name;
  std::vector<OnnxOpset> opsets;
  std::vector<OnnxNode> nodes;
  std::vector<OnnxTensor> initializers;
  std::vector<OnnxValueInfo> inputs, outputs;
  std::vector<OnnxProperty> properties;
};

/// Gives the bytes of a file that lies beside the model and outlives what is read. Throws Error.
using ReadBeside = std::function<std::string_view(const std::string& name)>;

/// Points into `file` and what `read_beside` gives. Throws Error (without the file's name) when it is no ONNX file or holds
/// what slimpilot cannot take: sparse initializers, training, more nodes than any network has.
OnnxModel parse_onnx_model(std::string_view file, const ReadBeside& read_beside);

/// One TensorProto by itself.
OnnxTensor parse_onnx_tensor(std::string_view message, const ReadBeside& read_beside);

/// The bytes of a file.
std::string to_bytes(const OnnxModel& model);

}  // namespace slimpilot
