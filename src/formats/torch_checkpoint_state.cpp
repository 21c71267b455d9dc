// SPDX-License-Identifier: Apache-2.0
// Finds the state dictionary among a pickle's objects, and its tensors as torch._utils._rebuild_tensor_v2 would rebuild them.
#include <algorithm>
#include <cstring>
#include <set>

#include "base/error.h"
#include "formats/torch_checkpoint.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

constexpr size_t kMaxRank = 8;
constexpr size_t kMaxName = 256;                   // bytes
constexpr int64_t kMaxStorage = int64_t{1} << 40;  // elements

class Finder {
 public:
  Finder(const Pickle& pickle, uint64_t max_elements) : pickle_(pickle), left_(max_elements) {}
  std::vector<TorchTensor> tensors();

 private:
  const PickleObject& item(const PickleObject& parent, size_t i) const { return pickle_[parent.items[i]]; }
  bool calls(const PickleObject& object, std::string_view function) const {
    return object.kind == PickleKind::call && pickle_.is_global(object.items[0], "torch._utils", function);
  }
  const PickleObject* tensor_call(const PickleObject& object) const;
  bool holds_tensors(const PickleObject& object) const;
  bool is_module(const PickleObject& object) const;
  const PickleObject& state_dictionary() const;
  TorchTensor tensor(std::string name, const PickleObject& call);
  void take_storage(TorchTensor& tensor, const PickleObject& storage) const;
  std::vector<int64_t> extents(const TorchTensor& tensor, const PickleObject& object) const;
  void check_view(const TorchTensor& tensor);

  [[noreturn]] static void fail(const TorchTensor& tensor, const std::string& what) {
    throw Error("tensor '" + tensor.name + "': " + what + "; the file is damaged");
  }

  const Pickle& pickle_;
  uint64_t left_;  // elements that the tensors may still have
};

/// The call of _rebuild_tensor_v2 that makes this object (inside _rebuild_parameter for a parameter), or nullptr.
const PickleObject* Finder::tensor_call(const PickleObject& object) const {
  const PickleObject* call = &object;
  if (calls(*call, "_rebuild_parameter")) {
    const PickleObject& arguments = item(*call, 1);
    if (arguments.items.empty()) return nullptr;
    call = &item(arguments, 0);
  }
  return calls(*call, "_rebuild_tensor_v2") ? call : nullptr;
}

bool Finder::holds_tensors(const PickleObject& object) const {
  if (object.kind != PickleKind::dict) return false;
  for (size_t i = 1; i < object.items.size(); i += 2)
    if (tensor_call(item(object, i)) != nullptr) return true;
  return false;
}

/// A torch.nn.Module's attributes are a dict with _parameters and _modules.
bool Finder::is_module(const PickleObject& object) const {
  if (object.kind != PickleKind::call) return false;
  if (pickle_[object.items[0]].text.starts_with("__torch__")) return true;  // TorchScript
  return object.items.size() == 3 && pickle_.find(item(object, 2), "_modules") != nullptr;
}

const PickleObject& Finder::state_dictionary() const {
  const PickleObject& root = pickle_[pickle_.root];
  std::vector<const PickleObject*> places = {&root};
  for (const std::string_view key : {"state_dict", "model_state_dict", "model"})
    if (const PickleObject* found = pickle_.find(root, key)) places.push_back(found);
  for (const PickleObject* place : places)
    if (holds_tensors(*place)) return *place;
  for (const PickleObject* place : places)
    if (is_module(*place))
      throw Error("holds a whole pickled module (" + std::string(pickle_[place->items[0]].name.substr(0, kMaxName)) +
                  "), which only its Python code could rebuild; save the weights alone with "
                  "torch.save(model.state_dict(), FILE)");
  throw Error(
      "holds no tensors at the top level nor under state_dict, model_state_dict or model; save the weights with "
      "torch.save(model.state_dict(), FILE)");
}

/// ('storage', torch.FloatStorage, '0', 'cpu', 864)
void Finder::take_storage(TorchTensor& tensor, const PickleObject& storage) const {
  if (storage.kind != PickleKind::persistent) fail(tensor, "has no storage");
  const PickleObject& name = item(storage, 0);
  if (name.kind != PickleKind::tuple || name.items.size() < 5) fail(tensor, "has a storage without a name");
  const PickleObject &type = item(name, 1), &key = item(name, 2), &count = item(name, 4);
  if (type.kind != PickleKind::global || key.kind != PickleKind::text || count.kind != PickleKind::integer)
    fail(tensor, "has a storage without a name");
  if (count.integer < 0 || count.integer > kMaxStorage) fail(tensor, "has a storage of absurd size");
  if (type.name.size() > kMaxName || key.text.size() > kMaxName) fail(tensor, "has a storage of absurd name");
  tensor.storage_type = type.name;
  tensor.storage = key.text;
  tensor.storage_elements = count.integer;
}

std::vector<int64_t> Finder::extents(const TorchTensor& tensor, const PickleObject& object) const {
  if (object.kind != PickleKind::tuple || object.items.size() > kMaxRank) fail(tensor, "has no proper shape");
  std::vector<int64_t> values;
  for (const PickleId id : object.items) {
    if (pickle_[id].kind != PickleKind::integer || pickle_[id].integer < 0 || pickle_[id].integer > INT32_MAX)
      fail(tensor, "has no proper shape");
    values.push_back(pickle_[id].integer);
  }
  return values;
}

/// Every element lies inside the storage, and all tensors together stay below the limit. Extents and strides are below 2^31,
/// so that places do not overflow.
void Finder::check_view(const TorchTensor& tensor) {
  if (tensor.stride.size() != tensor.shape.size()) fail(tensor, "has strides for another shape");
  uint64_t elements = 1;
  int64_t last = 0;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    const auto extent = static_cast<uint64_t>(tensor.shape[i]);
    elements = extent == 0 ? 0 : elements > left_ / extent ? left_ + 1 : elements * extent;
    if (elements == 0) break;
    if (elements > left_) fail(tensor, "is much larger than the file");
    last += (tensor.shape[i] - 1) * tensor.stride[i];
    if (last > tensor.storage_elements) fail(tensor, "reaches beyond its storage");
  }
  if (elements > left_) fail(tensor, "is much larger than the file");
  left_ -= elements;
  if (elements > 0 && (tensor.offset >= tensor.storage_elements || last >= tensor.storage_elements - tensor.offset))
    fail(tensor, "reaches beyond its storage");
}

/// _rebuild_tensor_v2(storage, offset, shape, stride, …)
TorchTensor Finder::tensor(std::string name, const PickleObject& call) {
  TorchTensor result{.name = std::move(name)};
  const PickleObject& arguments = item(call, 1);
  if (arguments.items.size() < 4) fail(result, "lacks a part");
  take_storage(result, item(arguments, 0));
  const PickleObject& offset = item(arguments, 1);
  if (offset.kind != PickleKind::integer || offset.integer < 0) fail(result, "has no proper offset");
  result.offset = offset.integer;
  result.shape = extents(result, item(arguments, 2));
  result.stride = extents(result, item(arguments, 3));
  check_view(result);
  return result;
}

/// Wrappers (DataParallel, Lightning, torch.compile) put a word in front of all names.
void strip_prefixes(std::vector<TorchTensor>& tensors) {
  for (bool stripped = true; stripped;) {
    stripped = false;
    for (const std::string_view prefix : {"module.", "model.", "net.", "_orig_mod."}) {
      const auto has_prefix = [&](const TorchTensor& tensor) { return tensor.name.starts_with(prefix); };
      if (!std::all_of(tensors.begin(), tensors.end(), has_prefix)) continue;
      for (TorchTensor& tensor : tensors) tensor.name.erase(0, prefix.size());
      stripped = true;
    }
  }
}

std::vector<TorchTensor> Finder::tensors() {
  const PickleObject& dictionary = state_dictionary();
  std::vector<TorchTensor> found;
  std::set<std::string_view> names;
  for (size_t i = 0; i + 1 < dictionary.items.size(); i += 2) {
    const PickleObject& key = item(dictionary, i);
    const PickleObject* call = tensor_call(item(dictionary, i + 1));
    if (call == nullptr || key.kind != PickleKind::text) continue;
    if (key.text.size() > kMaxName)
      throw Error("a tensor's name has " + std::to_string(key.text.size()) + " characters; the file is damaged");
    if (!names.insert(key.text).second)
      throw Error("tensor '" + std::string(key.text) + "' is there twice; the file is damaged");
    found.push_back(tensor(std::string(key.text), *call));
  }
  if (!found.empty()) strip_prefixes(found);
  return found;
}

/// The element's bits of type T.
template <class T>
T element(std::string_view storage, uint64_t index) {
  T value;
  std::memcpy(&value, storage.data() + index * sizeof(T), sizeof(T));
  return value;
}

float element_as_float(std::string_view type, std::string_view storage, uint64_t index) {
  if (type == "FloatStorage") return element<float>(storage, index);
  if (type == "HalfStorage") return half_to_float(element<uint16_t>(storage, index));
  if (type == "BFloat16Storage") return bfloat16_to_float(element<uint16_t>(storage, index));
  if (type == "DoubleStorage") return static_cast<float>(element<double>(storage, index));
  return static_cast<float>(element<int64_t>(storage, index));
}

}  // namespace

size_t storage_element_size(std::string_view type) {
  if (type == "DoubleStorage" || type == "LongStorage" || type == "ComplexFloatStorage") return 8;
  if (type == "FloatStorage" || type == "IntStorage") return 4;
  if (type == "HalfStorage" || type == "BFloat16Storage" || type == "ShortStorage") return 2;
  if (type == "CharStorage" || type == "ByteStorage" || type == "BoolStorage") return 1;
  return 0;
}

std::string shape_text(const TorchTensor& tensor) {
  std::string text;
  for (const int64_t extent : tensor.shape) text += (text.empty() ? "" : "x") + std::to_string(extent);
  return text.empty() ? "scalar" : text;
}

std::vector<TorchTensor> torch_state(const Pickle& pickle, uint64_t max_elements) {
  return Finder(pickle, max_elements).tensors();
}

std::vector<float> tensor_values(const TorchTensor& tensor, std::string_view storage) {
  const auto known = {"FloatStorage", "HalfStorage", "BFloat16Storage", "DoubleStorage", "LongStorage"};
  if (std::find(known.begin(), known.end(), tensor.storage_type) == known.end())
    throw Error("tensor '" + tensor.name + "' is a " + std::string(tensor.storage_type) +
                "; float32, float16, bfloat16, float64 and int64 are read: save model.float().state_dict()");
  size_t count = 1;
  for (const int64_t extent : tensor.shape) count *= static_cast<size_t>(extent);
  std::vector<float> values(count);
  std::vector<int64_t> place(tensor.shape.size());
  int64_t index = tensor.offset;
  for (float& value : values) {
    value = element_as_float(tensor.storage_type, storage, static_cast<uint64_t>(index));
    for (size_t axis = place.size(); axis-- > 0;) {
      index += tensor.stride[axis];
      if (++place[axis] < tensor.shape[axis]) break;
      index -= tensor.shape[axis] * tensor.stride[axis];
      place[axis] = 0;
    }
  }
  return values;
}

}  // namespace slimpilot
