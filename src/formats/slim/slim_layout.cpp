// SPDX-License-Identifier: Apache-2.0
// The header's checksum and fixed fields, and the error that all of reading throws.
#include "formats/slim/slim_layout.h"

#include <array>
#include <cstring>

#include "base/error.h"

namespace slimpilot {
namespace {

constexpr std::array<uint32_t, 256> crc_table() {
  constexpr uint32_t kReversedPolynomial = 0xEDB88320;
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t rest = i;
    for (int bit = 0; bit < 8; ++bit) rest = (rest >> 1) ^ (rest & 1 ? kReversedPolynomial : 0);
    table[i] = rest;
  }
  return table;
}

uint32_t add_to_crc(uint32_t crc, std::span<const std::byte> bytes) {
  static constexpr std::array<uint32_t, 256> kTable = crc_table();
  for (const std::byte b : bytes) crc = kTable[(crc ^ static_cast<uint32_t>(b)) & 255] ^ (crc >> 8);
  return crc;
}

}  // namespace

void malformed_slim(const std::string& what) {
  throw Error("the .slim file is malformed (" + what + "); write it again with slimpilot");
}

uint32_t slim_crc32(std::span<const std::byte> file) {
  constexpr size_t kBegin = offsetof(SlimHeader, crc32), kEnd = kBegin + sizeof(SlimHeader::crc32);
  const uint32_t before = add_to_crc(~uint32_t{0}, file.first(kBegin));
  return ~add_to_crc(before, file.subspan(kEnd));
}

void seal_slim(std::span<std::byte> file) {
  SlimHeader header;
  std::memcpy(&header, file.data(), sizeof header);
  std::memcpy(header.magic, kSlimMagic, sizeof kSlimMagic);
  header.version = kSlimVersion;
  header.file_bytes = file.size();
  std::memcpy(file.data(), &header, sizeof header);
  header.crc32 = slim_crc32(file);
  std::memcpy(file.data(), &header, sizeof header);
}

}  // namespace slimpilot
