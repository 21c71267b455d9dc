// SPDX-License-Identifier: Apache-2.0
// The zip container in which torch.save (since PyTorch 1.6) puts its pickle and one entry per storage.
#pragma once

#include "formats/zip_archive.h"

namespace slimpilot {

class TorchZip {
 public:
  /// `file` must outlive the object. Throws Error when it is no zip file with a "…/data.pkl".
  explicit TorchZip(std::string_view file);

  /// The entry "…/NAME"; see ZipArchive.
  std::string read(const std::string& name) { return archive_.read(root_ + name); }
  bool has(const std::string& name) const { return archive_.has(root_ + name); }

 private:
  ZipArchive archive_;
  std::string root_;  // "archive/"
};

}  // namespace slimpilot
