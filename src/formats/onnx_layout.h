// SPDX-License-Identifier: Apache-2.0
// ONNX keeps images channels first, a graph channels last. While a file is read, nothing is transposed: each tensor of the file
// knows how its elements stand in the graph's value, Transposes change that knowledge only, and layers with weights get these
// in the value's order.
#pragma once

#include <vector>

#include "graph/graph.h"

namespace slimpilot {

/// A tensor of `shape` whose elements are those of a value in another order: the value's elements, row-major with extents
/// `factors` (ones left out), are transposed so that factor order[0] comes first, and so on.
struct OnnxLayout {
  Shape factors;
  std::vector<int> order;
  Shape shape;
  bool operator==(const OnnxLayout&) const = default;

  /// The value's own order.
  bool is_plain() const;
  /// Each dimension longer than 1 is one factor; needed for what speaks of dimensions.
  bool is_aligned() const;
};

/// Of a value that is the tensor.
OnnxLayout plain_layout(Shape shape);

/// What a transposed tensor of `layout`, which is aligned, is.
OnnxLayout transposed(const OnnxLayout& layout, const std::vector<int>& order);

/// The same elements under another shape.
OnnxLayout reshaped(const OnnxLayout& layout, Shape shape);

/// The permutation {0, 2, …, rank−1, 1}: channels go to the end; and back.
std::vector<int> channels_last(size_t rank);
std::vector<int> channels_first(size_t rank);

/// Extents in another order.
Shape permuted_shape(const Shape& shape, const std::vector<int>& order);

std::vector<int> inverse(const std::vector<int>& order);

/// The extents other than 1.
Shape without_ones(const Shape& shape);

}  // namespace slimpilot
