// SPDX-License-Identifier: Apache-2.0
// For tests of .tflite files: what the reader says of damaged ones.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "base/random.h"
#include "formats/tflite_common.h"

namespace slimpilot {

/// The reader's error, or nothing.
inline std::string complaint(const std::string& bytes) {
  try {
    parse_tflite(bytes, "test.tflite");
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

/// No beginning of a file is one.
inline void expect_truncation_is_seen(const std::string& bytes) {
  for (size_t length = 0; length < bytes.size() - 16; length += 53) EXPECT_NE(complaint(bytes.substr(0, length)), "") << length;
}

/// `rounds` copies with up to three other bytes give an error that names the file, or a network.
inline void expect_damage_is_harmless(const std::string& bytes, int rounds, Random& random) {
  for (int round = 0; round < rounds; ++round) {
    std::string damaged = bytes;
    for (uint64_t flips = 1 + random.below(3); flips > 0; --flips)
      damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
    const std::string text = complaint(damaged);
    EXPECT_TRUE(text.empty() || text.starts_with("test.tflite: ")) << text;
  }
}

}  // namespace slimpilot
