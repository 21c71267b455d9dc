// SPDX-License-Identifier: Apache-2.0
// PyTorch checkpoints: the container, then the pickle, then the network. Nothing in the file is executed.
#include "formats/torch_checkpoint.h"

#include "base/error.h"
#include "formats/file_errors.h"
#include "formats/formats.h"
#include "formats/torch_checkpoint_legacy.h"
#include "formats/torch_checkpoint_zip.h"
#include "host/atomic_file.h"

namespace slimpilot {
namespace {

constexpr uint64_t kBytesPerElement = sizeof(float);

Graph parse_zip(std::string_view file) {
  TorchZip archive(file);
  if (archive.has("byteorder") && archive.read("byteorder") != "little")
    throw Error("is of a big-endian machine; load it in PyTorch and save it again on a usual one");
  const std::string pickle_bytes = archive.read("data.pkl");
  const Pickle pickle = parse_pickle(pickle_bytes);
  const auto read = [&](const std::string& key, uint64_t bytes) {
    std::string storage = archive.read("data/" + key);
    if (storage.size() != bytes)
      throw Error("storage '" + key + "' has " + std::to_string(storage.size()) + " bytes instead of " + std::to_string(bytes) +
                  "; the file is damaged");
    return storage;
  };
  return torch_graph(torch_state(pickle, unpacked_limit(file.size()) / kBytesPerElement), read);
}

Graph parse_legacy(std::string_view file) {
  const LegacyTorchFile legacy(file);
  const auto read = [&](const std::string& key, uint64_t bytes) { return std::string(legacy.storage(key, bytes)); };
  return torch_graph(torch_state(legacy.pickle(), unpacked_limit(file.size()) / kBytesPerElement), read);
}

}  // namespace

Graph parse_torch_checkpoint(std::string_view file) {
  if (file.starts_with("PK")) return parse_zip(file);
  if (file.starts_with(LegacyTorchFile::kMagic)) return parse_legacy(file);
  if (file.starts_with("\x89HDF")) throw Error("is an HDF5 file; name it .h5");
  throw Error("is no file of torch.save; save the weights with torch.save(model.state_dict(), FILE)");
}

Graph read_torch_checkpoint(const std::filesystem::path& path) {
  const std::string file = read_file(path);
  return with_file_name(path, [&] {
    Graph graph = parse_torch_checkpoint(file);
    graph.name = path.stem().string();
    return graph;
  });
}

}  // namespace slimpilot
