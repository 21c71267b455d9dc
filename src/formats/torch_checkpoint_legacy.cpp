// SPDX-License-Identifier: Apache-2.0
// Magic number, protocol version, system information, the object, the storages' keys: five pickles. Then per key the count of
// elements (64 bits) and the elements.
#include "formats/torch_checkpoint_legacy.h"

#include "base/error.h"
#include "formats/torch_checkpoint.h"

namespace slimpilot {
namespace {

/// The element sizes of all storages that the pickle names, by key.
std::map<std::string_view, uint64_t> element_sizes(const Pickle& pickle) {
  std::map<std::string_view, uint64_t> sizes;
  for (const PickleObject& object : pickle.objects) {
    if (object.kind != PickleKind::persistent) continue;
    const PickleObject& name = pickle[object.items[0]];
    if (name.kind != PickleKind::tuple || name.items.size() < 5) continue;
    sizes[pickle[name.items[2]].text] = storage_element_size(pickle[name.items[1]].name);
  }
  return sizes;
}

uint64_t read_count(std::string_view data) {
  if (data.size() < 8) throw Error("is cut off in front of a storage");
  uint64_t count = 0;
  for (size_t i = 8; i-- > 0;) count = count << 8 | static_cast<uint8_t>(data[i]);
  return count;
}

}  // namespace

LegacyTorchFile::LegacyTorchFile(std::string_view file) {
  file.remove_prefix(kMagic.size());
  file.remove_prefix(parse_pickle(file).length);
  const Pickle system = parse_pickle(file);
  const PickleObject* little_endian = system.find(system[system.root], "little_endian");
  if (little_endian != nullptr && little_endian->integer == 0)
    throw Error("is of a big-endian machine; load it in PyTorch and save it again on a usual one");
  file.remove_prefix(system.length);
  pickle_ = parse_pickle(file);
  find_storages(file.substr(pickle_.length));
}

void LegacyTorchFile::find_storages(std::string_view keys_and_data) {
  const Pickle keys = parse_pickle(keys_and_data);
  std::string_view data = keys_and_data.substr(keys.length);
  const auto sizes = element_sizes(pickle_);
  for (const PickleId id : keys[keys.root].items) {
    const std::string_view key = keys[id].text;
    const auto found = sizes.find(key);
    if (found == sizes.end() || found->second == 0)
      throw Error("storage '" + std::string(key) +
                  "' has an unknown type; save the weights alone with "
                  "torch.save(model.state_dict(), FILE)");
    const uint64_t count = read_count(data);
    data.remove_prefix(8);
    if (count > data.size() / found->second) throw Error("is cut off in storage '" + std::string(key) + "'");
    const size_t bytes = static_cast<size_t>(count * found->second);
    storages_[key] = data.substr(0, bytes);
    data.remove_prefix(bytes);
  }
}

std::string_view LegacyTorchFile::storage(const std::string& key, uint64_t bytes) const {
  const auto found = storages_.find(key);
  if (found == storages_.end() || found->second.size() != bytes)
    throw Error("storage '" + key + "' is missing or has another size; the file is damaged");
  return found->second;
}

}  // namespace slimpilot
