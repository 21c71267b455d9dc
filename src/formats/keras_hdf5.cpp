// SPDX-License-Identifier: Apache-2.0
// The only caller of libhdf5: /model_config, /keras_version and /model_weights of an .h5 file that Keras' model.save wrote, and
// /layers of the weights in a .keras file.
// HDF5 handles are not closed, for this runs in a child process that ends afterwards.
#include "formats/keras_hdf5.h"

#include <hdf5.h>

#include <cstdlib>
#include <optional>

#include "base/error.h"

namespace slimpilot {
namespace {

constexpr size_t kTextBytes = size_t{16} << 20;  // the longest attribute
constexpr hssize_t kNames = 10'000;              // the most layers, or weights of one layer
constexpr int kRank = 8;

/// `status` of a libhdf5 call that failed when negative.
template <class Status>
Status need(Status status, const std::string& what) {
  if (status < 0) throw Error("cannot read " + what + ": the file is damaged; copy or save it again");
  return status;
}

std::string trimmed(const char* text, size_t size, H5T_str_t padding) {
  std::string_view view(text, size);
  view = view.substr(0, view.find('\0'));
  if (padding == H5T_STR_SPACEPAD) view = view.substr(0, view.find_last_not_of(' ') + 1);
  return std::string(view);
}

std::vector<std::string> variable_length_strings(hid_t attribute, hid_t type, size_t count, const std::string& what) {
  const hid_t memory_type = need(H5Tcopy(H5T_C_S1), what);
  need(H5Tset_size(memory_type, H5T_VARIABLE), what);
  need(H5Tset_cset(memory_type, H5Tget_cset(type)), what);
  std::vector<char*> pointers(count, nullptr);
  need(H5Aread(attribute, memory_type, pointers.data()), what);
  std::vector<std::string> strings;
  for (const char* pointer : pointers) strings.emplace_back(pointer ? pointer : "");
  return strings;
}

std::vector<std::string> fixed_length_strings(hid_t attribute, hid_t type, size_t count, const std::string& what) {
  const size_t size = H5Tget_size(type);
  if (size == 0 || size > kTextBytes / count) throw Error(what + " is too long");
  std::string bytes(size * count, '\0');
  need(H5Aread(attribute, type, bytes.data()), what);
  std::vector<std::string> strings;
  for (size_t i = 0; i < count; ++i) strings.push_back(trimmed(&bytes[i * size], size, H5Tget_strpad(type)));
  return strings;
}

/// The strings of an attribute, of fixed or variable length; nothing when there is no such attribute.
std::optional<std::vector<std::string>> find_strings(hid_t object, const std::string& name) {
  const std::string what = "attribute '" + name + "'";
  if (need(H5Aexists(object, name.c_str()), what) == 0) return std::nullopt;
  const hid_t attribute = need(H5Aopen(object, name.c_str(), H5P_DEFAULT), what);
  const hid_t type = need(H5Aget_type(attribute), what);
  const hssize_t count = need(H5Sget_simple_extent_npoints(need(H5Aget_space(attribute), what)), what);
  if (count == 0) return std::vector<std::string>();  // h5py writes an empty list as an array of no numbers
  if (count > kNames) throw Error(what + " has " + std::to_string(count) + " entries");
  if (H5Tget_class(type) != H5T_STRING) throw Error(what + " is no text");
  const bool variable = need(H5Tis_variable_str(type), what) > 0;
  return (variable ? variable_length_strings : fixed_length_strings)(attribute, type, static_cast<size_t>(count), what);
}

std::vector<std::string> read_strings(hid_t object, const std::string& name, const std::string& where) {
  auto strings = find_strings(object, name);
  if (!strings) throw Error(where + " has no attribute '" + name + "'; save the model with Keras 1.2 or later");
  return *strings;
}

std::optional<std::string> find_string(hid_t object, const std::string& name) {
  const auto strings = find_strings(object, name);
  if (!strings) return std::nullopt;
  if (strings->size() != 1) throw Error("attribute '" + name + "' is no single text");
  return strings->front();
}

/// Opens "a/b/c" below `group`. Only hard links are followed: soft links can be cyclic, external ones name other files.
hid_t open_object(hid_t group, const std::string& path, H5I_type_t expected) {
  const std::string what = "'" + path + "'";
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string name = path.substr(begin, end - begin);
    if (name.empty() || name == ".") throw Error("the file names the impossible place " + what);
    if (need(H5Lexists(group, name.c_str(), H5P_DEFAULT), what) == 0) throw Error("the file has no " + what);
    H5L_info_t link;
    need(H5Lget_info(group, name.c_str(), &link, H5P_DEFAULT), what);
    if (link.type != H5L_TYPE_HARD) throw Error(what + " is a link to another place; save the model with Keras again");
    group = need(H5Oopen(group, name.c_str(), H5P_DEFAULT), what);
    begin = end + 1;
  }
  if (H5Iget_type(group) != expected) throw Error(what + (expected == H5I_GROUP ? " is no group" : " is no array"));
  return group;
}

/// The dataset's numbers lie in this very file.
void refuse_foreign_storage(hid_t dataset, const std::string& what) {
  const hid_t properties = need(H5Dget_create_plist(dataset), what);
  if (need(H5Pget_layout(properties), what) == H5D_VIRTUAL || need(H5Pget_external_count(properties), what) > 0)
    throw Error(what + " lies in another file; save the model with Keras again");
}

/// Reads the dataset as float32; takes its bytes from `budget`.
KerasTensor read_tensor(hid_t layer, const std::string& name, uint64_t& budget) {
  const std::string what = "weights '" + name + "'";
  const hid_t dataset = open_object(layer, name, H5I_DATASET);
  refuse_foreign_storage(dataset, what);
  if (H5Tget_class(need(H5Dget_type(dataset), what)) != H5T_FLOAT) throw Error(what + " are no real numbers");
  const hid_t space = need(H5Dget_space(dataset), what);
  const int rank = need(H5Sget_simple_extent_ndims(space), what);
  if (H5Sget_simple_extent_type(space) == H5S_NULL || rank > kRank) throw Error(what + " have an absurd shape");
  hsize_t extents[kRank];
  need(H5Sget_simple_extent_dims(space, extents, nullptr), what);
  KerasTensor tensor{.name = name};
  uint64_t count = 1;
  for (int d = 0; d < rank; ++d) {
    if (extents[d] == 0 || extents[d] > budget / sizeof(float) / count)
      throw Error(what + " are empty, or larger than the file can hold");
    count *= extents[d];
    tensor.shape.push_back(static_cast<int>(extents[d]));
  }
  if (count * sizeof(float) > budget) throw Error("the weights are larger than the file can hold");
  budget -= count * sizeof(float);
  tensor.values.resize(count);
  need(H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, tensor.values.data()), what);
  return tensor;
}

/// Opens the library and the file that `open` finds.
template <class Open>
hid_t open_file(const Open& open) {
  setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);  // locks fail on read-only and network file systems
  need(H5open(), "with libhdf5");
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  need(H5PLset_loading_state(0), "with libhdf5");  // no filters from shared libraries
  return need(open(), "the HDF5 file");
}

/// Counters and seeds of layers, which have nothing to do with their results.
bool is_counter(hid_t layer, const std::string& name) {
  const hid_t dataset = open_object(layer, name, H5I_DATASET);
  return H5Tget_class(H5Dget_type(dataset)) == H5T_INTEGER && H5Sget_simple_extent_npoints(H5Dget_space(dataset)) <= 2;
}

/// Names of a group's members in their order.
std::vector<std::string> member_names(hid_t group, const std::string& what) {
  H5G_info_t info;
  need(H5Gget_info(group, &info), what);
  if (info.nlinks > static_cast<hsize_t>(kNames)) throw Error(what + " has too many members");
  std::vector<std::string> names;
  for (hsize_t i = 0; i < info.nlinks; ++i) {
    char name[256];
    const ssize_t size = H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name, H5P_DEFAULT);
    if (need(size, what) >= static_cast<ssize_t>(sizeof name)) throw Error(what + " has a member with an absurd name");
    names.emplace_back(name);
  }
  return names;
}

/// Collects the weights "vars/0", "vars/1", … of a group and of the groups in it.
class WeightTree {
 public:
  WeightTree(KerasFile& content, uint64_t budget) : content_(content), budget_(budget) {}

  void read(hid_t group, const std::string& path, int depth) {
    if (depth > kDepth || ++groups_ > kNames) throw Error("'" + path + "' is nested too deeply, or holds too much");
    for (const std::string& name : member_names(group, "'" + path + "'")) {
      const hid_t member = open_object(group, name, type_of(group, name));
      if (H5Iget_type(member) != H5I_GROUP) continue;
      if (name == "vars")
        read_variables(member, path);
      else
        read(member, path.empty() ? name : path + "/" + name, depth + 1);
    }
  }

 private:
  static constexpr int kDepth = 20;

  static H5I_type_t type_of(hid_t group, const std::string& name) {
    H5O_info_t info;
    need(H5Oget_info_by_name(group, name.c_str(), &info, H5P_DEFAULT), "'" + name + "'");
    return info.type == H5O_TYPE_GROUP ? H5I_GROUP : H5I_DATASET;
  }

  void read_variables(hid_t group, const std::string& path) {
    KerasLayerWeights weights{.layer = path, .tensors = {}};
    const size_t count = member_names(group, "'" + path + "'").size();
    for (size_t i = 0; i < count; ++i) {
      const std::string name = std::to_string(i);
      if (!is_counter(group, name)) weights.tensors.push_back(read_tensor(group, name, budget_));
    }
    if (!weights.tensors.empty()) content_.layers.push_back(std::move(weights));
  }

  KerasFile& content_;
  uint64_t budget_;
  hssize_t groups_ = 0;
};

}  // namespace

size_t keras_weight_budget(uint64_t file_bytes) {
  return static_cast<size_t>(file_bytes > kKerasWeightBytes / 64 ? kKerasWeightBytes : file_bytes * 64);
}

KerasFile read_keras_hdf5(const std::string& path, uint64_t file_bytes) {
  const hid_t file = open_file([&] {
    if (H5Fis_hdf5(path.c_str()) <= 0) throw Error("is no HDF5 file; give a model that Keras' model.save wrote as .h5");
    return H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  });
  const auto config = find_string(file, "model_config");
  if (!config) throw Error("holds no model_config (weights alone?); save the whole model with model.save");
  if (find_string(file, "backend").value_or("") == "theano")
    throw Error("was saved with Keras' Theano backend, whose convolutions differ; convert it to TensorFlow first");
  KerasFile content{.keras_version = find_string(file, "keras_version").value_or(""), .model_config = *config};
  const hid_t weights = open_object(file, "model_weights", H5I_GROUP);
  uint64_t budget = keras_weight_budget(file_bytes);
  for (const std::string& layer : read_strings(weights, "layer_names", "'model_weights'")) {
    const hid_t group = open_object(weights, layer, H5I_GROUP);
    KerasLayerWeights& layer_weights = content.layers.emplace_back();
    layer_weights.layer = layer;
    for (const std::string& name : read_strings(group, "weight_names", "layer '" + layer + "'"))
      if (!is_counter(group, name)) layer_weights.tensors.push_back(read_tensor(group, name, budget));
  }
  return content;
}

KerasFile read_keras_weights(const std::string& bytes) {
  const hid_t file = open_file([&] {
    const hid_t access = need(H5Pcreate(H5P_FILE_ACCESS), "with libhdf5");
    constexpr size_t kIncrement = size_t{1} << 16;
    need(H5Pset_fapl_core(access, kIncrement, false), "with libhdf5");
    need(H5Pset_file_image(access, const_cast<char*>(bytes.data()), bytes.size()), "with libhdf5");  // it copies
    return H5Fopen("model.weights.h5", H5F_ACC_RDONLY, access);
  });
  KerasFile content{.has_paths = true};
  WeightTree(content, keras_weight_budget(bytes.size())).read(open_object(file, "layers", H5I_GROUP), "layers", 0);
  return content;
}

}  // namespace slimpilot
