// SPDX-License-Identifier: Apache-2.0
// Arithmetic with permutations of dimensions.
#include "formats/onnx_layout.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace slimpilot {

bool OnnxLayout::is_plain() const { return std::ranges::is_sorted(order); }

bool OnnxLayout::is_aligned() const { return without_ones(shape) == permuted_shape(factors, order); }

OnnxLayout plain_layout(Shape shape) {
  OnnxLayout layout{.factors = without_ones(shape), .shape = std::move(shape)};
  layout.order.resize(layout.factors.size());
  std::iota(layout.order.begin(), layout.order.end(), 0);
  return layout;
}

OnnxLayout transposed(const OnnxLayout& layout, const std::vector<int>& order) {
  check(layout.is_aligned() && order.size() == layout.shape.size());
  std::vector<int> factor_of(layout.shape.size(), -1);  // of the dimensions longer than 1
  size_t next = 0;
  for (size_t d = 0; d < layout.shape.size(); ++d)
    if (layout.shape[d] != 1) factor_of[d] = layout.order[next++];
  OnnxLayout result{.factors = layout.factors, .shape = permuted_shape(layout.shape, order)};
  for (const int from : order)
    if (factor_of[static_cast<size_t>(from)] >= 0) result.order.push_back(factor_of[static_cast<size_t>(from)]);
  return result;
}

OnnxLayout reshaped(const OnnxLayout& layout, Shape shape) {
  if (layout.is_plain()) return plain_layout(std::move(shape));
  OnnxLayout result = layout;
  result.shape = std::move(shape);
  return result;
}

std::vector<int> channels_last(size_t rank) {
  std::vector<int> order(rank);
  std::iota(order.begin(), order.end(), 0);
  if (rank > 2) std::rotate(order.begin() + 1, order.begin() + 2, order.end());
  return order;
}

std::vector<int> channels_first(size_t rank) { return inverse(channels_last(rank)); }

Shape permuted_shape(const Shape& shape, const std::vector<int>& order) {
  Shape result;
  for (const int from : order) result.push_back(shape[static_cast<size_t>(from)]);
  return result;
}

std::vector<int> inverse(const std::vector<int>& order) {
  std::vector<int> result(order.size());
  for (size_t i = 0; i < order.size(); ++i) result[static_cast<size_t>(order[i])] = static_cast<int>(i);
  return result;
}

Shape without_ones(const Shape& shape) {
  Shape result;
  std::ranges::copy_if(shape, std::back_inserter(result), [](int extent) { return extent != 1; });
  return result;
}

}  // namespace slimpilot
