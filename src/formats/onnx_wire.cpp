// SPDX-License-Identifier: Apache-2.0
// Varints are groups of seven bits, the least significant first, with the eighth bit set on all but the last byte.
#include "formats/onnx_wire.h"

#include <cstring>

#include "base/error.h"

namespace slimpilot {
namespace {

[[noreturn]] void damaged() { throw Error("is no ONNX file, or a truncated or damaged one; export or download it again"); }

}  // namespace

uint64_t WireReader::take_varint() {
  uint64_t number = 0;
  for (int shift = 0; shift < 64 && !left_.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(left_.front());
    left_.remove_prefix(1);
    number |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return number;
  }
  damaged();
}

std::string_view WireReader::take(uint64_t count) {
  if (count > left_.size()) damaged();
  const std::string_view taken = left_.substr(0, count);
  left_.remove_prefix(count);
  return taken;
}

bool WireReader::next() {
  if (left_.empty()) return false;
  const uint64_t key = take_varint();
  field_ = key >> 3;
  kind_ = static_cast<Kind>(key & 7);
  if (field_ == 0) damaged();
  switch (kind_) {
    case Kind::varint: number_ = take_varint(); return true;
    case Kind::fixed64: content_ = take(8); return true;
    case Kind::bytes: content_ = take(take_varint()); return true;
    case Kind::fixed32: content_ = take(4); return true;
  }
  damaged();
}

int64_t WireReader::integer() const {
  if (kind_ != Kind::varint) damaged();
  return static_cast<int64_t>(number_);
}

float WireReader::real() const {
  if (kind_ != Kind::fixed32) damaged();
  float number;
  std::memcpy(&number, content_.data(), sizeof number);
  return number;
}

std::string_view WireReader::bytes() const {
  if (kind_ != Kind::bytes) damaged();
  return content_;
}

void WireReader::append_to(std::vector<int64_t>& numbers) const {
  if (kind_ == Kind::varint) return numbers.push_back(integer());
  WireReader packed(bytes());
  while (!packed.left_.empty()) numbers.push_back(static_cast<int64_t>(packed.take_varint()));
}

template <class T>
void WireReader::append_fixed(std::vector<T>& numbers, Kind kind) const {
  if ((kind_ != kind && kind_ != Kind::bytes) || content_.size() % sizeof(T) != 0) damaged();
  const size_t before = numbers.size();
  numbers.resize(before + content_.size() / sizeof(T));
  if (!content_.empty()) std::memcpy(numbers.data() + before, content_.data(), content_.size());
}
void WireReader::append_to(std::vector<float>& numbers) const { append_fixed(numbers, Kind::fixed32); }
void WireReader::append_to(std::vector<double>& numbers) const { append_fixed(numbers, Kind::fixed64); }

void WireWriter::varint(uint64_t number) {
  for (; number >= 0x80; number >>= 7) message_.push_back(static_cast<char>(number | 0x80));
  message_.push_back(static_cast<char>(number));
}

void WireWriter::integer(uint32_t field, int64_t number) {
  varint(uint64_t{field} << 3);
  varint(static_cast<uint64_t>(number));
}

void WireWriter::real(uint32_t field, float number) {
  varint(uint64_t{field} << 3 | 5);
  message_.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void WireWriter::bytes(uint32_t field, std::string_view content) {
  varint(uint64_t{field} << 3 | 2);
  varint(content.size());
  message_.append(content);
}

}  // namespace slimpilot
