// SPDX-License-Identifier: Apache-2.0
// For tests of the Keras importer: golden models, files that are gone afterwards, and what errors say.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/error_test.h"
#include "formats/formats.h"
#include "formats/keras_file.h"

namespace slimpilot {

namespace fs = std::filesystem;

inline fs::path golden(const std::string& name) { return fs::path(SOURCE_DIR) / "tests/golden/keras" / name; }

inline std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A file of this process in the temporary folder, gone at the end.
class ScratchFile {
 public:
  explicit ScratchFile(const std::string& bytes, const std::string& ending = ".h5")
      : path_(fs::temp_directory_path() / ("keras_h5_test_" + std::to_string(::getpid()) + ending)) {
    write(bytes);
  }
  ~ScratchFile() { fs::remove(path_); }
  void write(const std::string& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

inline std::string read_error(const fs::path& path, const ReadOptions& options = {}) {
  return error_of([&] { path.extension() == ".keras" ? read_keras_archive(path, options) : read_keras_h5(path, options); });
}

}  // namespace slimpilot
