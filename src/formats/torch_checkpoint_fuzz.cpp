// SPDX-License-Identifier: Apache-2.0
// Fuzzes the PyTorch importer. Inputs that begin as a container are taken for files; all others for a pickle whose storages are
// zeros, since no mutation keeps a container's checksums.
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "formats/torch_checkpoint.h"

namespace {

slimpilot::Graph read_as_pickle(std::string_view bytes) {
  constexpr uint64_t kMaxElements = 100'000;
  const slimpilot::Pickle pickle = slimpilot::parse_pickle(bytes);
  const auto read = [](const std::string& key, uint64_t size) {
    if (size > 8 * kMaxElements) throw slimpilot::Error("storage " + key + " is too large for a fuzz target");
    return std::string(size, '\0');
  };
  return slimpilot::torch_graph(slimpilot::torch_state(pickle, kMaxElements), read);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    const bool container = bytes.starts_with("PK") || bytes.starts_with("\x80\x02\x8a\x0a");
    container ? slimpilot::parse_torch_checkpoint(bytes) : read_as_pickle(bytes);
  } catch (const slimpilot::Error&) {
  }
  return 0;
}
