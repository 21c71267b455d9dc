// SPDX-License-Identifier: Apache-2.0
// Zip archives in memory, as torch.save and Keras 3 write them. Hostile ones unpack to a bounded size.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct zip;

namespace slimpilot {

class ZipArchive {
 public:
  /// `file` must outlive the object. Throws Error when it is no zip file.
  explicit ZipArchive(std::string_view file);

  /// The uncompressed entry; all entries together yield at most unpacked_limit bytes. Throws Error.
  std::string read(const std::string& name);
  bool has(const std::string& name) const;
  std::vector<std::string> names() const;

 private:
  struct Close {
    void operator()(zip* archive) const;
  };
  std::unique_ptr<zip, Close> archive_;
  uint64_t left_;  // bytes that may still be read
};

/// How much a file of this size may unpack to: 16 times its size and 1 MB.
uint64_t unpacked_limit(uint64_t file_size);

}  // namespace slimpilot
