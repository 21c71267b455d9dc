// SPDX-License-Identifier: Apache-2.0
#include "graph/weights.h"

#include <algorithm>
#include <bit>
#include <unordered_map>

#include "base/error.h"

namespace slimpilot {
namespace {

/// Equal numbers have equal keys; zero is 0.
std::vector<int32_t> keys(const Value& weight) {
  std::vector<int32_t> result;
  if (weight.type == ElementType::s8) {
    for (const int8_t x : weight.elements<int8_t>()) result.push_back(x);
  } else {
    check(weight.type == ElementType::f32);
    for (const float x : weight.elements<float>()) result.push_back(x == 0 ? 0 : std::bit_cast<int32_t>(x));
  }
  return result;
}

struct Channels {
  size_t stride = 1, count = 1;
  explicit Channels(const Value& weight) {
    if (!weight.quantization || weight.quantization->axis < 0) {
      stride = weight.data.size();
      return;
    }
    const auto axis = static_cast<size_t>(weight.quantization->axis);
    count = static_cast<size_t>(weight.shape[axis]);
    for (size_t d = axis + 1; d < weight.shape.size(); ++d) stride *= static_cast<size_t>(weight.shape[d]);
  }
  size_t of(size_t element) const { return element / stride % count; }
};

}  // namespace

std::vector<ValueId> weights_of(const Graph& graph) {
  std::vector<ValueId> found;
  const auto add = [&](ValueId id) {
    if (graph.value(id).is_constant() && std::find(found.begin(), found.end(), id) == found.end()) found.push_back(id);
  };
  for (const Node& node : graph.nodes)
    std::visit(Overloaded{[&](const Conv2D&) { add(node.inputs[1]); }, [&](const Dense&) { add(node.inputs[1]); },
                          [&](const ConvLstm2D&) { add(node.inputs[1]), add(node.inputs[2]); }, [](const auto&) {}},
               node.op);
  return found;
}

double sparsity(const Value& weight) {
  const auto all = keys(weight);
  return static_cast<double>(std::count(all.begin(), all.end(), 0)) / static_cast<double>(all.size());
}

EqualGroups equal_groups(const Value& weight) {
  const auto all = keys(weight);
  const Channels channels(weight);
  EqualGroups result;
  result.group.reserve(all.size());
  std::vector<std::unordered_map<int32_t, int32_t>> known(channels.count);
  std::vector<bool> has_zero(channels.count);
  for (size_t i = 0; i < all.size(); ++i) {
    const size_t channel = channels.of(i);
    if (all[i] == 0) {
      has_zero[channel] = true;
      result.group.push_back(-1);
      continue;
    }
    const auto [entry, is_new] = known[channel].try_emplace(all[i], result.count);
    result.count += is_new;
    result.group.push_back(entry->second);
  }
  for (size_t c = 0; c < known.size(); ++c)
    result.most_distinct = std::max(result.most_distinct, static_cast<int>(known[c].size()) + has_zero[c]);
  return result;
}

}  // namespace slimpilot
