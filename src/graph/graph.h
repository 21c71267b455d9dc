// SPDX-License-Identifier: Apache-2.0
// The one intermediate representation: a network as nodes in topological order over values. Every importer makes it,
// every pass maps it to another, every exporter and the engine read it. Images are NHWC with batch 1; inside a
// network the batch also holds the frames of a sequence, each computed by itself (ADR 0021).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/op.h"

namespace slimpilot {

enum class ElementType : uint8_t { f32, f16, s8, u8, s16, s32, s64 };

/// Bytes of one element.
size_t element_size(ElementType type);
/// "f32", "s8", …
std::string_view type_name(ElementType type);
/// The least and the greatest integer of an integer type of at most 32 bits.
struct IntegerRange {
  int32_t low, high;
};
IntegerRange integer_range(ElementType type);

/// Row-major; images are {1, height, width, channels}.
using Shape = std::vector<int>;

/// Product of the dimensions (1 for a scalar).
int64_t element_count(const Shape& shape);
/// "1x66x200x3"
std::string shape_text(const Shape& shape);

/// real = scale · (integer − zero_point). One scale for the whole tensor (axis −1) or one per index of `axis`.
struct Quantization {
  std::vector<float> scale;
  std::vector<int32_t> zero_point;
  int axis = -1;
  bool operator==(const Quantization&) const = default;
};

/// How a constant is laid out in files and in memory that has kernels for it.
enum class Encoding : uint8_t { dense, sparse_bitmask, codebook };

/// What a pass promised about a weight; the fine-tuner keeps every promise after each step.
struct Constraint {
  bool keep_zeros = false;
  int max_distinct = 0;  // in each output channel (graph/weights.h); 0: any number
  bool fake_quantized = false;
  bool operator==(const Constraint&) const = default;
};

/// A tensor: the result of a node, an input of the graph, or (with `data`) a constant.
struct Value {
  std::string name;
  Shape shape;
  ElementType type = ElementType::f32;
  std::optional<Quantization> quantization;
  std::vector<std::byte> data;  // little-endian, element_count(shape) · element_size(type) bytes; empty: computed
  Encoding encoding = Encoding::dense;
  Constraint constraint;

  bool is_constant() const { return !data.empty(); }
  /// The constant's elements; T must be the type's C++ type (f16: uint16_t).
  template <class T>
  std::span<const T> elements() const {
    return {reinterpret_cast<const T*>(data.data()), data.size() / sizeof(T)};
  }
  template <class T>
  std::span<T> elements() {
    return {reinterpret_cast<T*>(data.data()), data.size() / sizeof(T)};
  }
  bool operator==(const Value&) const = default;
};

using ValueId = int;  // index in Graph::values
inline constexpr ValueId kNoValue = -1;

/// One operation. Inputs are in the order that op.h gives; every op has one output.
struct Node {
  std::string name;
  Op op;
  std::vector<ValueId> inputs;
  ValueId output = kNoValue;
  bool operator==(const Node&) const = default;
};

enum class ColorOrder : uint8_t { rgb, bgr, yuv };
std::string_view color_name(ColorOrder color);

/// From a camera frame (RGB, 8 bits) to an image of the graph's input, in this order: keep rows [crop_top, crop_bottom) (both
/// 0: all), resize bilinearly to the input's height and width, reorder colours, x·scale + offset per channel (of 0…255 values).
/// Several images (graph/input_images.h) are earlier frames, each prepared in the same way.
struct Preprocessing {
  int crop_top = 0, crop_bottom = 0;
  bool resize = false;  // false: the cropped frame must have the input's size
  ColorOrder color = ColorOrder::rgb;
  float scale[3] = {1, 1, 1};
  float offset[3] = {0, 0, 0};
  std::vector<int> frames_back = {};  // how many frames before the newest each image is: {9, 5, 0}; empty: …, 2, 1, 0
  bool operator==(const Preprocessing&) const = default;
};

/// What one number of the network's result means: label = min + output·(max − min), in `unit`.
struct OutputMeaning {
  std::string name;
  std::string unit;
  float min = 0, max = 1;
  double in_units(float output) const { return double{min} + double{output} * (double{max} - double{min}); }
  bool operator==(const OutputMeaning&) const = default;
};

/// The outputs in order, concatenated, are the network's result; `meaning` (empty: unknown) names its elements.
struct Graph {
  std::string name;
  std::vector<Value> values;
  std::vector<Node> nodes;  // in topological order
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  Preprocessing preprocessing;
  std::vector<OutputMeaning> meaning;

  Value& value(ValueId id) { return values[static_cast<size_t>(id)]; }
  const Value& value(ValueId id) const { return values[static_cast<size_t>(id)]; }
  bool operator==(const Graph&) const = default;
};

/// The shape of the node's result. Throws Error naming the node when shapes or attributes do not fit.
Shape infer_shape(const Graph& graph, const Node& node);

/// Throws Error with the place when the graph breaks a rule: order, ids, constants' sizes, types, shapes, quantization,
/// NaN or infinite weights. Every importer and every pass ends with it.
void verify(const Graph& graph);

/// One line per node: name, op with attributes, shapes and types; for people and for tests.
std::string to_text(const Graph& graph);

/// Of its text and of all constants.
uint64_t hash_of(const Graph& graph);

/// Rows and columns that `same` adds (TensorFlow: the odd one at the end), and the resulting extent.
struct PaddedExtent {
  int before, after, output;
};
PaddedExtent padded_extent(int input, int window, int stride, Padding padding);

/// How a value of shape `part` is repeated to fill `all`: element i of it is part[i / inner % count]. nullopt: the dimensions
/// along which it is not repeated do not lie together, or have other extents.
struct Repetition {
  int64_t count = 1, inner = 1;
};
std::optional<Repetition> repetition(const Shape& all, const Shape& part);

/// Multiply-adds of one node.
int64_t multiply_adds(const Graph& graph, const Node& node);

}  // namespace slimpilot
