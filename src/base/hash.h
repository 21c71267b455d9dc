// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace slimpilot {

/// FNV-1a, 64 bits: tells accidents, not attackers.
class Hash {
 public:
  void add(const void* bytes, size_t count) {
    const auto* p = static_cast<const unsigned char*>(bytes);
    for (size_t i = 0; i < count; ++i) value_ = (value_ ^ p[i]) * 0x100000001B3ull;
  }
  void add(const std::string& text) { add(text.data(), text.size() + 1); }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0xCBF29CE484222325ull;
};

}  // namespace slimpilot
