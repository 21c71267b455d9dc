// SPDX-License-Identifier: Apache-2.0
// The wire format of Protocol Buffers, in which ONNX files are written: fields of a number and one of four kinds behind each
// other. No schema, no copies: what is read points into the file. Which field means what is in onnx_file.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace slimpilot {

/// Goes through the fields of one message. Throws Error when the bytes are no message or a field has another kind than it is
/// read as.
class WireReader {
 public:
  explicit WireReader(std::string_view message) : left_(message) {}

  /// Goes to the next field; false behind the last one.
  bool next();
  uint64_t field() const { return field_; }

  /// The current field's content.
  int64_t integer() const;
  float real() const;
  std::string_view bytes() const;

  /// Adds one number, or those of a packed field.
  void append_to(std::vector<int64_t>& numbers) const;
  void append_to(std::vector<float>& numbers) const;
  void append_to(std::vector<double>& numbers) const;

 private:
  enum class Kind : uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };
  uint64_t take_varint();
  std::string_view take(uint64_t count);
  template <class T>
  void append_fixed(std::vector<T>& numbers, Kind kind) const;

  std::string_view left_;
  uint64_t field_ = 0;
  Kind kind_ = Kind::varint;
  uint64_t number_ = 0;
  std::string_view content_;  // of all kinds but varint
};

/// Puts fields behind each other; a message in a message is the bytes of another writer.
class WireWriter {
 public:
  void integer(uint32_t field, int64_t number);
  void real(uint32_t field, float number);
  void bytes(uint32_t field, std::string_view content);
  const std::string& message() const { return message_; }

 private:
  void varint(uint64_t number);
  std::string message_;
};

}  // namespace slimpilot
