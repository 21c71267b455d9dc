// SPDX-License-Identifier: Apache-2.0
#include "formats/keras_weights.h"

#include <algorithm>

#include "base/error.h"

namespace slimpilot {
namespace {

/// "inner/conv2d/kernel:0" as inner, conv2d, kernel.
std::vector<std::string> parts_of(std::string_view name) {
  name = name.substr(0, name.find(':'));
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('/', begin), name.size());
    parts.emplace_back(name.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

/// Whether the weight stands under one of the names, which are those of layers; a recurrent layer's cell stands between.
bool is_within(const KerasTensor& tensor, const std::vector<std::string>& scopes) {
  const std::vector<std::string> parts = parts_of(tensor.name);
  const auto is_scope = [&](size_t from_end) {
    return parts.size() > from_end && std::ranges::find(scopes, parts[parts.size() - 1 - from_end]) != scopes.end();
  };
  return is_scope(1) || (is_scope(2) && parts[parts.size() - 2].find("cell") != std::string::npos);
}

/// What quantization-aware training keeps beside a layer's weights.
bool is_range(const KerasTensor& tensor) {
  return tensor.name.find("_min") != std::string::npos || tensor.name.find("_max") != std::string::npos;
}

}  // namespace

KerasWeights::KerasWeights(const KerasFile& file, const KerasLayer& layer) : layer_(layer) {
  const KerasPlace& place = layer.place;
  for (const KerasLayerWeights& weights : file.layers) {
    const bool here =
        file.has_paths ? weights.layer == place.path || weights.layer == place.path + "/cell" : weights.layer == place.group;
    if (!here) continue;
    for (const KerasTensor& tensor : weights.tensors)
      if (file.has_paths || place.scopes.empty() || is_within(tensor, place.scopes)) tensors_.push_back(&tensor);
  }
}

void KerasWeights::fail(const std::string& what) const { throw Error("layer '" + layer_.name + "': " + what); }

const KerasTensor& KerasWeights::take(const std::string& what, const Shape& expected) {
  const auto is_free = [&](const KerasTensor* tensor) { return !taken_.contains(tensor); };
  auto found = std::ranges::find_if(
      tensors_, [&](const KerasTensor* tensor) { return is_free(tensor) && parts_of(tensor->name).back() == what; });
  if (found == tensors_.end()) found = std::ranges::find_if(tensors_, is_free);
  if (found == tensors_.end()) fail("the file has no " + what + " for it");
  const KerasTensor& tensor = **found;
  taken_.insert(&tensor);
  if (tensor.shape != expected)
    fail(what + " is " + shape_text(tensor.shape) + ", the configuration wants " + shape_text(expected));
  return tensor;
}

void KerasWeights::finish() const {
  size_t ranges = 0;
  const bool has_ranges = layer_.is_quantized || std::holds_alternative<KerasQuantizedInput>(layer_.kind);
  for (const KerasTensor* tensor : tensors_) ranges += has_ranges && !taken_.contains(tensor) && is_range(*tensor);
  if (taken_.size() + ranges != tensors_.size())
    fail("has " + std::to_string(tensors_.size() - ranges) + " weight arrays instead of " + std::to_string(taken_.size()));
}

}  // namespace slimpilot
