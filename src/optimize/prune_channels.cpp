// SPDX-License-Identifier: Apache-2.0
// Before: conv 24 → conv 36.   After: conv 18 → conv 27, the same kind of network with fewer filters, dense and faster
// everywhere. Whole filters (units) with the least mean magnitude go (Li et al. 2017), and with them the part of each reader's
// weights that multiplied them. A layer whose result is an output of the network, or is read by anything but a chain to weights
// (a product of gates, a ConvLSTM), keeps all.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "graph/edit.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

using Indices = std::vector<size_t>;

/// The constant without the indices of `axis` that are not `kept`.
void keep_indices(Value& value, size_t axis, const Indices& kept) {
  const auto old_count = static_cast<size_t>(value.shape[axis]);
  size_t inner = element_size(value.type), outer = 1;
  for (size_t d = axis + 1; d < value.shape.size(); ++d) inner *= static_cast<size_t>(value.shape[d]);
  for (size_t d = 0; d < axis; ++d) outer *= static_cast<size_t>(value.shape[d]);
  std::vector<std::byte> data;
  data.reserve(outer * kept.size() * inner);
  for (size_t o = 0; o < outer; ++o)
    for (const size_t k : kept) {
      const auto first = value.data.begin() + static_cast<ptrdiff_t>((o * old_count + k) * inner);
      data.insert(data.end(), first, first + static_cast<ptrdiff_t>(inner));
    }
  value.data = std::move(data);
  value.shape[axis] = static_cast<int>(kept.size());
}

/// Narrows the readers of a value whose last dimension lost channels.
class Narrowing {
 public:
  explicit Narrowing(Graph& graph) : graph_(graph) {}

  /// Whether all that reads `value` ends in weights; changes nothing.
  bool is_possible(ValueId value) const {
    if (is_output(graph_, value)) return false;
    for (const int index : consumers_of(graph_, value)) {
      const Node& node = graph_.nodes[static_cast<size_t>(index)];
      if (node.inputs[0] != value) return false;
      const bool possible =
          std::visit(Overloaded{[](const Conv2D&) { return true; }, [](const Dense&) { return true; },
                                [&](const DepthwiseConv2D&) { return is_possible(node.output); },
                                [&](const Activation&) { return is_possible(node.output); },
                                [&](const Pool2D&) { return is_possible(node.output); },
                                [&](const Reshape&) { return keeps_or_flattens(node) && is_possible(node.output); },
                                [](const auto&) { return false; }},
                     node.op);
      if (!possible) return false;
    }
    return true;
  }

  /// `kept` of the last dimension of `value`, which had `count`.
  void narrow(ValueId value, const Indices& kept, size_t count) {
    graph_.value(value).shape.back() = static_cast<int>(kept.size());
    for (const int index : consumers_of(graph_, value)) narrow_reader(graph_.nodes[static_cast<size_t>(index)], kept, count);
  }

 private:
  /// The result's last dimension is the channels again, or all there is.
  bool keeps_or_flattens(const Node& node) const {
    const Shape &from = graph_.value(node.inputs[0]).shape, &to = graph_.value(node.output).shape;
    return to.back() == from.back() || to.back() == element_count(from);
  }

  void narrow_reader(Node& node, const Indices& kept, size_t count) {
    std::visit(Overloaded{[&](const Conv2D&) { keep_indices(graph_.value(node.inputs[1]), 3, kept); },
                          [&](const Dense&) { keep_indices(graph_.value(node.inputs[1]), 1, kept); },
                          [&](const DepthwiseConv2D&) {
                            keep_indices(graph_.value(node.inputs[1]), 3, kept);
                            keep_indices(graph_.value(node.inputs[2]), 0, kept);
                            narrow(node.output, kept, count);
                          },
                          [&](Reshape& op) { narrow_reshape(node, op, kept, count); },
                          [&](const auto&) { narrow(node.output, kept, count); }},
               node.op);
  }

  void narrow_reshape(const Node& node, Reshape& op, const Indices& kept, size_t count) {
    const auto width = static_cast<size_t>(graph_.value(node.output).shape.back());
    Indices columns;  // of the result's last dimension, where channels repeat
    for (size_t first = 0; first < width; first += count)
      for (const size_t k : kept) columns.push_back(first + k);
    op.shape.back() = static_cast<int>(columns.size());
    narrow(node.output, columns, width);
  }

  Graph& graph_;
};

/// The filters with the most weight per element, in order.
Indices strongest(const Value& weight, size_t kept) {
  const auto filters = static_cast<size_t>(weight.shape[0]);
  const auto numbers = weight.elements<float>();
  const size_t each = numbers.size() / filters;
  std::vector<double> strength(filters);
  for (size_t i = 0; i < numbers.size(); ++i) strength[i / each] += std::abs(static_cast<double>(numbers[i]));
  Indices order(filters);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return strength[a] > strength[b]; });
  order.resize(kept);
  std::sort(order.begin(), order.end());
  return order;
}

}  // namespace

Graph prune_channels(Graph graph, double share) {
  if (!(share >= 0 && share < 1)) throw Error("prune_channels: a share of " + std::to_string(share) + " is not in 0 … 1");
  Narrowing narrowing(graph);
  for (const Node& node : graph.nodes) {
    if (!std::holds_alternative<Conv2D>(node.op) && !std::holds_alternative<Dense>(node.op)) continue;
    if (!narrowing.is_possible(node.output)) continue;
    Value& weight = graph.value(node.inputs[1]);
    const auto filters = static_cast<size_t>(weight.shape[0]);
    const auto kept = std::max<size_t>(1, filters - static_cast<size_t>(share * static_cast<double>(filters)));
    const Indices indices = strongest(weight, kept);
    keep_indices(weight, 0, indices);
    keep_indices(graph.value(node.inputs[2]), 0, indices);
    narrowing.narrow(node.output, indices, filters);
  }
  return graph;
}

}  // namespace slimpilot
