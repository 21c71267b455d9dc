// SPDX-License-Identifier: Apache-2.0
#include "graph/weights.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "base/error.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

template <class T>
std::vector<int64_t> elements_as_keys(const Value& value) {
  const auto elements = value.elements<T>();
  return {elements.begin(), elements.end()};
}

/// Equal numbers have equal keys; zero is 0.
std::vector<int64_t> keys(const Value& value) {
  switch (value.type) {
    case ElementType::s8: return elements_as_keys<int8_t>(value);
    case ElementType::u8: return elements_as_keys<uint8_t>(value);
    case ElementType::s16: return elements_as_keys<int16_t>(value);
    case ElementType::s32: return elements_as_keys<int32_t>(value);
    case ElementType::s64: return elements_as_keys<int64_t>(value);
    case ElementType::f16:
    case ElementType::f32: break;
  }
  const bool half = value.type == ElementType::f16;
  std::vector<int64_t> bits = half ? elements_as_keys<uint16_t>(value) : elements_as_keys<uint32_t>(value);
  const int64_t negative_zero = half ? int64_t{1} << 15 : int64_t{1} << 31;
  std::ranges::replace(bits, negative_zero, 0);
  return bits;
}

/// Output channels: indices of the first dimension, or of the one that scales run along.
struct Channels {
  size_t stride = 1, count = 1;
  explicit Channels(const Value& weight) {
    const bool scaled = weight.quantization && weight.quantization->axis >= 0;
    const auto axis = static_cast<size_t>(scaled ? weight.quantization->axis : 0);
    if (!scaled && weight.shape.size() < 2) {
      stride = weight.data.size();
      return;
    }
    count = static_cast<size_t>(weight.shape[axis]);
    for (size_t d = axis + 1; d < weight.shape.size(); ++d) stride *= static_cast<size_t>(weight.shape[d]);
  }
  size_t of(size_t element) const { return element / stride % count; }
};

}  // namespace

std::vector<ValueId> weights_of(const Graph& graph) {
  std::vector<ValueId> found;
  for (const Node& node : graph.nodes) {
    if (std::holds_alternative<DepthwiseConv2D>(node.op)) continue;
    for (const WeightUse& use : weight_uses(node)) {
      const ValueId id = node.inputs[use.place];
      if (graph.value(id).is_constant() && std::ranges::count(found, id) == 0) found.push_back(id);
    }
  }
  return found;
}

bool feeds_output(const Graph& graph, ValueId weight) {
  return std::ranges::any_of(consumers_of(graph, weight),
                             [&](int node) { return is_output(graph, graph.nodes[static_cast<size_t>(node)].output); });
}

std::vector<WeightUse> weight_uses(const Node& node) {
  using Uses = std::vector<WeightUse>;
  const auto one = [&] { return Uses{{1, node.inputs[0]}}; };
  const auto two = [&] { return Uses{{1, node.inputs[0]}, {2, node.output}}; };
  return std::visit(Overloaded{[&](const Conv2D&) { return one(); }, [&](const DepthwiseConv2D&) { return one(); },
                               [&](const Dense&) { return one(); }, [&](const ConvLstm2D&) { return two(); },
                               [&](const Lstm&) { return two(); }, [](const auto&) { return Uses{}; }},
                    node.op);
}

WeightStatistics weight_statistics(const Value& constant) {
  auto sorted = keys(constant);
  std::ranges::sort(sorted);
  WeightStatistics statistics{.elements = sorted.size()};
  for (auto first = sorted.begin(); first != sorted.end();) {
    const auto end = std::upper_bound(first, sorted.end(), *first);
    const auto count = static_cast<size_t>(end - first);
    const double share = static_cast<double>(count) / static_cast<double>(sorted.size());
    statistics.entropy_bits -= share * std::log2(share);
    ++statistics.distinct;
    if (*first == 0) statistics.zeros = count;
    first = end;
  }
  return statistics;
}

double sparsity(const Value& weight) {
  const auto all = keys(weight);
  return static_cast<double>(std::ranges::count(all, 0)) / static_cast<double>(all.size());
}

EqualGroups equal_groups(const Value& weight) {
  const auto all = keys(weight);
  const Channels channels(weight);
  EqualGroups result;
  result.group.reserve(all.size());
  std::vector<std::unordered_map<int64_t, int32_t>> known(channels.count);
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
