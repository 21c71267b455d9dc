// SPDX-License-Identifier: Apache-2.0
#include "formats/keras_places.h"

#include <cctype>

namespace slimpilot {
namespace {

bool is_upper(char c) { return std::isupper(static_cast<unsigned char>(c)) != 0; }
bool is_lower(char c) { return std::islower(static_cast<unsigned char>(c)) != 0; }

/// As Keras does it: an underscore before a capital with a small letter behind it ("MaxPooling2D"), and between a small letter
/// and a capital ("ConvLSTM2D").
std::string snake_case(const std::string& name) {
  std::string result;
  for (size_t i = 0; i < name.size(); ++i) {
    const bool starts_word = is_upper(name[i]) && i + 1 < name.size() && is_lower(name[i + 1]);
    const bool follows_word = is_upper(name[i]) && i > 0 && is_lower(name[i - 1]);
    if (i > 0 && (starts_word || follows_word)) result += '_';
    result += static_cast<char>(std::tolower(static_cast<unsigned char>(name[i])));
  }
  return result;
}

}  // namespace

KerasPlace KerasScope::place_of(const std::string& layer) const {
  KerasPlace place{.group = group.empty() ? layer : group, .scopes = {}, .path = path};
  if (!in_model) return place;
  place.scopes = wrappers;
  place.scopes.push_back(layer);
  return place;
}

KerasScope KerasScope::inside_wrapper(const std::string& wrapper) const {
  KerasScope inside = *this;
  if (group.empty()) inside.group = wrapper;
  inside.wrappers.push_back(wrapper);
  inside.path += "/layer";
  ++inside.depth;
  return inside;
}

KerasScope KerasScope::inside_model(const std::string& model) const {
  KerasScope inside = *this;
  if (group.empty()) inside.group = model;
  inside.prefix += model + "/";
  inside.wrappers.clear();
  inside.container = path + "/";
  inside.in_model = true;
  ++inside.depth;
  return inside;
}

KerasScope KerasPaths::next(const std::string& class_name) {
  const std::string name = snake_case(class_name);
  const int count = counts_[name]++;
  KerasScope scope = model_;
  scope.path = model_.container + "layers/" + name + (count > 0 ? "_" + std::to_string(count) : "");
  return scope;
}

}  // namespace slimpilot
