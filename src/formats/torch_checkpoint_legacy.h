// SPDX-License-Identifier: Apache-2.0
// The container of torch.save before PyTorch 1.6 (and with _use_new_zipfile_serialization=False): pickles behind each other,
// then the storages.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "formats/torch_checkpoint_pickle.h"

namespace slimpilot {

class LegacyTorchFile {
 public:
  static constexpr std::string_view kMagic{"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15};

  /// `file` must begin with kMagic and outlive the object. Throws Error.
  explicit LegacyTorchFile(std::string_view file);

  const Pickle& pickle() const { return pickle_; }
  /// Throws Error unless it has exactly so many bytes.
  std::string_view storage(const std::string& key, uint64_t bytes) const;

 private:
  void find_storages(std::string_view keys_and_data);

  Pickle pickle_;
  std::map<std::string_view, std::string_view> storages_;
};

}  // namespace slimpilot
