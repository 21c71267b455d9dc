// SPDX-License-Identifier: Apache-2.0
#include "formats/torch_checkpoint_zip.h"

#include "base/error.h"

namespace slimpilot {

TorchZip::TorchZip(std::string_view file) : archive_(file) {
  constexpr std::string_view kPickle = "data.pkl";
  for (const std::string& name : archive_.names()) {
    const size_t slash = name.find('/');
    if (name != kPickle && (slash == std::string::npos || name.substr(slash + 1) != kPickle)) continue;
    root_ = name.substr(0, name.size() - kPickle.size());
    return;
  }
  throw Error("is a zip archive without data.pkl, so torch.save did not write it");
}

}  // namespace slimpilot
