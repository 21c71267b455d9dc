// SPDX-License-Identifier: Apache-2.0
// The zip container in which torch.save (since PyTorch 1.6) puts its pickle and one entry per storage.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct zip;

namespace slimpilot {

class TorchZip {
 public:
  /// `file` must outlive the object. Throws Error when it is no zip file with a "…/data.pkl".
  explicit TorchZip(std::string_view file);

  /// The uncompressed entry "…/NAME"; all entries together yield at most 16 times the file's size and 1 MB. Throws Error.
  std::string read(const std::string& name);
  bool has(const std::string& name) const;

 private:
  struct Close {
    void operator()(zip* archive) const;
  };
  std::unique_ptr<zip, Close> archive_;
  std::string root_;  // "archive/"
  uint64_t left_;     // bytes that may still be read
};

/// How much a file of this size may unpack to.
uint64_t unpacked_limit(uint64_t file_size);

}  // namespace slimpilot
