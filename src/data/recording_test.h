// SPDX-License-Identifier: Apache-2.0
// A temporary folder in which tests write tiny recordings.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "data/recording.h"
#include "host/atomic_file.h"

namespace slimpilot {

namespace fs = std::filesystem;

inline Image grey(int height, int width) {
  return {.height = height, .width = width, .pixels = std::vector<uint8_t>(static_cast<size_t>(height * width * 3), 128)};
}

class RecordingFolder : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("recording_" + std::to_string(getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  void image(const fs::path& name, int height = 4, int width = 6) const {
    fs::create_directories((folder_ / name).parent_path());
    write_png(folder_ / name, grey(height, width));
  }
  void text(const fs::path& name, const std::string& bytes) const { write_file_atomically(folder_ / name, bytes); }

  /// The error without the folder's path, or "no error".
  std::string error() const {
    try {
      read_recording(folder_);
    } catch (const Error& problem) {
      std::string message = problem.what();
      EXPECT_TRUE(message.starts_with(folder_.string())) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos);
      return message.substr(folder_.string().size());
    }
    return "no error";
  }

  fs::path folder_;
};

using Texts = std::vector<std::string>;

inline constexpr const char* kTail = ". Repair them, or leave them out with --skip-bad-frames";

}  // namespace slimpilot
