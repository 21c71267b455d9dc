// SPDX-License-Identifier: Apache-2.0
// Constants of ONNX files as values of a graph.
#include "formats/onnx_constant.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

constexpr int64_t kMostElements = int64_t{1} << 30;
constexpr size_t kMostDimensions = 16;

[[noreturn]] void fail(const OnnxTensor& tensor, const std::string& what) {
  throw Error("tensor '" + tensor.name + "' " + what);
}

struct TypeRow {
  OnnxType stored;
  ElementType type;
  size_t stored_size;
};
constexpr TypeRow kTypes[] = {
    {OnnxType::float32, ElementType::f32, 4}, {OnnxType::float16, ElementType::f16, 2},
    {OnnxType::int8, ElementType::s8, 1},     {OnnxType::uint8, ElementType::u8, 1},
    {OnnxType::int16, ElementType::s16, 2},   {OnnxType::int32, ElementType::s32, 4},
    {OnnxType::int64, ElementType::s64, 8},   {OnnxType::boolean, ElementType::s64, 1},
    {OnnxType::float64, ElementType::f32, 8}, {OnnxType::bfloat16, ElementType::f32, 2},
};

Shape shape_of(const OnnxTensor& tensor) {
  try {
    return checked_shape(tensor.dims, 0);
  } catch (const Error& error) {
    fail(tensor, error.what());
  }
}

template <class To, class From>
std::vector<std::byte> converted(const std::vector<From>& numbers) {
  std::vector<std::byte> data(numbers.size() * sizeof(To));
  auto* to = reinterpret_cast<To*>(data.data());
  for (const From number : numbers) *to++ = static_cast<To>(number);
  return data;
}

std::vector<std::byte> narrowed(const std::vector<int64_t>& numbers, ElementType type) {
  switch (element_size(type)) {
    case 1: return converted<uint8_t>(numbers);
    case 2: return converted<uint16_t>(numbers);
    case 4: return converted<uint32_t>(numbers);
    default: return converted<int64_t>(numbers);
  }
}

std::vector<std::byte> widened(std::string_view raw, OnnxType stored) {
  std::vector<float> reals;
  std::vector<int64_t> integers;
  for (size_t i = 0; i < raw.size();) {
    const auto next = [&]<class T>(T& number) {
      std::memcpy(&number, raw.data() + i, sizeof number);
      i += sizeof number;
    };
    if (stored == OnnxType::boolean) {
      integers.push_back(raw[i++] != 0);
    } else if (stored == OnnxType::float64) {
      double number;
      next(number);
      reals.push_back(static_cast<float>(number));
    } else {
      uint16_t bits;
      next(bits);
      reals.push_back(std::bit_cast<float>(uint32_t{bits} << 16));
    }
  }
  return stored == OnnxType::boolean ? converted<int64_t>(integers) : converted<float>(reals);
}

std::vector<std::byte> data_of(const OnnxTensor& tensor, const TypeRow& row, size_t count) {
  if (!tensor.raw.empty()) {
    if (tensor.raw.size() != count * row.stored_size)
      fail(tensor,
           "holds " + std::to_string(tensor.raw.size()) + " bytes instead of " + std::to_string(count * row.stored_size));
    const auto bytes = std::as_bytes(std::span(tensor.raw));
    return row.stored_size == element_size(row.type) ? std::vector(bytes.begin(), bytes.end())
                                                     : widened(tensor.raw, row.stored);
  }
  const bool listed = row.stored == OnnxType::float32   ? tensor.floats.size() == count
                      : row.stored == OnnxType::float64 ? tensor.doubles.size() == count
                                                        : tensor.integers.size() == count;
  if (!listed) fail(tensor, "holds more or fewer numbers than its shape says");
  if (row.stored == OnnxType::float32) return converted<float>(tensor.floats);
  if (row.stored == OnnxType::float64) return converted<float>(tensor.doubles);
  if (row.stored != OnnxType::bfloat16) return narrowed(tensor.integers, row.type);
  const auto bits = converted<uint16_t>(tensor.integers);
  return widened({reinterpret_cast<const char*>(bits.data()), bits.size()}, row.stored);
}

/// How far apart in memory neighbours along each dimension are.
std::vector<int64_t> strides_of(const Shape& shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * shape[d];
  return strides;
}

/// Element i of the result, whose extents are `extents`, is the one at Σ index[d]·strides[d] of `data`.
std::vector<std::byte> gathered(std::span<const std::byte> data, size_t element, const Shape& extents,
                                const std::vector<int64_t>& strides) {
  const auto count = static_cast<size_t>(element_count(extents));
  std::vector<std::byte> result(count * element);
  std::vector<int> index(extents.size(), 0);
  int64_t from = 0;
  for (size_t i = 0; i < count; ++i) {
    std::memcpy(result.data() + i * element, data.data() + static_cast<size_t>(from) * element, element);
    for (size_t d = extents.size(); d-- > 0;) {
      from += strides[d];
      if (++index[d] < extents[d]) break;
      from -= strides[d] * extents[d];
      index[d] = 0;
    }
  }
  return result;
}

template <class T>
std::vector<int64_t> as_integers(const Value& constant) {
  const auto elements = constant.elements<T>();
  return {elements.begin(), elements.end()};
}

}  // namespace

Shape checked_shape(const std::vector<int64_t>& extents, int64_t least) {
  if (extents.size() > kMostDimensions) throw Error("has a shape of " + std::to_string(extents.size()) + " dimensions");
  Shape shape;
  int64_t count = 1;
  for (const int64_t extent : extents) {
    if (extent < least || extent > kMostElements || count * std::max<int64_t>(1, extent) > kMostElements)
      throw Error("has an absurd shape");
    count *= std::max<int64_t>(1, extent);
    shape.push_back(static_cast<int>(extent));
  }
  return shape;
}

Value constant_of(const OnnxTensor& tensor) {
  const auto row = std::ranges::find(kTypes, tensor.type, &TypeRow::stored);
  if (row == std::end(kTypes))
    fail(tensor, "has the type " + std::to_string(static_cast<int64_t>(tensor.type)) +
                     ", which slimpilot does not compute; export with float32, float16, int8, uint8 or int16");
  Value value{.name = tensor.name, .shape = shape_of(tensor), .type = row->type};
  value.data = data_of(tensor, *row, static_cast<size_t>(element_count(value.shape)));
  return value;
}

std::vector<int64_t> integers_of(const Value& constant) {
  switch (constant.type) {
    case ElementType::s8: return as_integers<int8_t>(constant);
    case ElementType::u8: return as_integers<uint8_t>(constant);
    case ElementType::s16: return as_integers<int16_t>(constant);
    case ElementType::s32: return as_integers<int32_t>(constant);
    case ElementType::s64: return as_integers<int64_t>(constant);
    default: throw Error("'" + constant.name + "' holds real numbers where integers are needed");
  }
}

Value integer_constant(std::string name, Shape shape, const std::vector<int64_t>& numbers) {
  return {.name = std::move(name), .shape = std::move(shape), .type = ElementType::s64, .data = converted<int64_t>(numbers)};
}

std::vector<float> reals_of(const Value& constant) {
  const bool real = constant.type == ElementType::f32 || constant.type == ElementType::f16;
  if (!real && !constant.quantization) throw Error("'" + constant.name + "' holds integers where real numbers are needed");
  return constant.data.empty() ? std::vector<float>() : constant_as_floats(constant);
}

Value real_constant(std::string name, Shape shape, const std::vector<float>& numbers) {
  return {.name = std::move(name), .shape = std::move(shape), .data = converted<float>(numbers)};
}

Value permuted(const Value& constant, const Shape& extents, const std::vector<int>& order, Shape shape, int axis) {
  check(element_count(extents) == element_count(constant.shape) && element_count(shape) == element_count(extents));
  const std::vector<int64_t> before = strides_of(extents);
  Shape result;
  std::vector<int64_t> strides;
  for (const int from : order) {
    result.push_back(extents[static_cast<size_t>(from)]);
    strides.push_back(before[static_cast<size_t>(from)]);
  }
  Value turned{.name = constant.name, .shape = std::move(shape), .type = constant.type, .quantization = constant.quantization};
  turned.data = gathered(constant.data, element_size(constant.type), result, strides);
  if (turned.quantization && turned.quantization->axis >= 0) turned.quantization->axis = axis;
  return turned;
}

std::optional<Shape> broadcast_shape(const Shape& a, const Shape& b) {
  Shape result(std::max(a.size(), b.size()), 1);
  for (const Shape* shape : {&a, &b}) {
    const size_t missing = result.size() - shape->size();
    for (size_t d = 0; d < shape->size(); ++d) {
      int& extent = result[missing + d];
      if ((*shape)[d] == 1 || (*shape)[d] == extent) continue;
      if (extent != 1) return std::nullopt;
      extent = (*shape)[d];
    }
  }
  return result;
}

Value broadcast(const Value& constant, const Shape& target) {
  if (broadcast_shape(constant.shape, target) != target)
    throw Error("'" + constant.name + "' of " + shape_text(constant.shape) + " cannot be repeated to " + shape_text(target));
  std::vector<int64_t> strides = strides_of(constant.shape);
  for (size_t d = 0; d < strides.size(); ++d)
    if (constant.shape[d] == 1) strides[d] = 0;
  strides.insert(strides.begin(), target.size() - strides.size(), 0);
  Value repeated = constant;
  if (repeated.quantization && repeated.quantization->axis >= 0)  // the dimensions in front move it
    repeated.quantization->axis += static_cast<int>(target.size() - constant.shape.size());
  repeated.shape = target;
  repeated.data = gathered(constant.data, element_size(constant.type), target, strides);
  return repeated;
}

size_t axis_of(int64_t axis, size_t rank) {
  const auto count = static_cast<int64_t>(rank);
  if (axis < -count || axis >= count) throw Error("there is no dimension " + std::to_string(axis));
  return static_cast<size_t>(axis < 0 ? axis + count : axis);
}

}  // namespace slimpilot
