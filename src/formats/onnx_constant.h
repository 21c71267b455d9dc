// SPDX-License-Identifier: Apache-2.0
// Constants of ONNX files as values of a graph, and what is done to them while a file is read: other orders, other types.
#pragma once

#include "formats/onnx_file.h"
#include "graph/graph.h"

namespace slimpilot {

/// The extents as a shape; throws Error when one is below `least`, or when there are too many or too large ones: zeros count as
/// ones, so that no product of some of the extents is out of range.
Shape checked_shape(const std::vector<int64_t>& extents, int64_t least);

/// The tensor's numbers: float64 and bfloat16 become f32, bool s64. The only values that may have no elements. Throws Error
/// naming the tensor when its data do not fit its shape or its type is none of the graph's.
Value constant_of(const OnnxTensor& tensor);

/// A constant's integers; of s32 and s64, or unquantized s8, u8 and s16. Throws Error for other types.
std::vector<int64_t> integers_of(const Value& constant);
Value integer_constant(std::string name, Shape shape, const std::vector<int64_t>& numbers);

/// A constant's real numbers, integers with a quantization dequantized. Throws Error for integers without one.
std::vector<float> reals_of(const Value& constant);
Value real_constant(std::string name, Shape shape, const std::vector<float>& numbers);

/// The elements in another order: of a constant that is seen as `extents`, dimension i of the result is dimension order[i]. The
/// result's shape is `shape`, of as many elements; scales stay with `axis` of it.
Value permuted(const Value& constant, const Shape& extents, const std::vector<int>& order, Shape shape, int axis = 0);

/// Repeats elements as NumPy does, until the shape is `target`. Throws Error when they do not fit.
Value broadcast(const Value& constant, const Shape& target);

/// Element by element as NumPy broadcasts; nullopt: they do not fit.
std::optional<Shape> broadcast_shape(const Shape& a, const Shape& b);

/// `axis` of −rank … rank−1 as an index. Throws Error.
size_t axis_of(int64_t axis, size_t rank);

}  // namespace slimpilot
