// SPDX-License-Identifier: Apache-2.0
// A regular file opened for reading at given places, so that a check of thousands of images reads only their ends.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

namespace slimpilot {

class InputFile {
 public:
  /// Throws Error when `path` cannot be opened or is not a regular file.
  explicit InputFile(const std::filesystem::path& path);
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile();

  /// Bytes in the file when it was opened.
  uint64_t size() const { return size_; }

  /// Fills `bytes` from `offset` on; returns how many there were (fewer at the end). Throws Error when reading fails.
  size_t read_at(uint64_t offset, std::span<uint8_t> bytes) const;

 private:
  std::filesystem::path path_;
  int descriptor_;
  uint64_t size_ = 0;
};

}  // namespace slimpilot
