// SPDX-License-Identifier: Apache-2.0
// Names and sizes of the graph's small types.
#include "graph/graph.h"

#include "base/error.h"

namespace slimpilot {

size_t element_size(ElementType type) {
  switch (type) {
    case ElementType::s8:
    case ElementType::u8: return 1;
    case ElementType::f16:
    case ElementType::s16: return 2;
    case ElementType::f32:
    case ElementType::s32: return 4;
    case ElementType::s64: return 8;
  }
  check(false);
}

std::string_view type_name(ElementType type) {
  constexpr std::string_view names[] = {"f32", "f16", "s8", "u8", "s16", "s32", "s64"};
  return names[static_cast<size_t>(type)];
}

IntegerRange integer_range(ElementType type) {
  switch (type) {
    case ElementType::s8: return {-128, 127};
    case ElementType::u8: return {0, 255};
    case ElementType::s16: return {-32768, 32767};
    case ElementType::s32: return {INT32_MIN, INT32_MAX};
    default: check(false);
  }
}

int64_t element_count(const Shape& shape) {
  int64_t count = 1;
  for (const int extent : shape) count *= extent;
  return count;
}

std::string shape_text(const Shape& shape) {
  std::string text;
  for (const int extent : shape) text += (text.empty() ? "" : "x") + std::to_string(extent);
  return text.empty() ? "scalar" : text;
}

std::string_view color_name(ColorOrder color) {
  constexpr std::string_view names[] = {"rgb", "bgr", "yuv"};
  return names[static_cast<size_t>(color)];
}

std::string_view activation_name(ActivationKind kind) {
  constexpr std::string_view names[] = {"linear", "relu", "relu6",   "relu_n1_to_1", "relu_0_to_1",
                                        "elu",    "tanh", "sigmoid", "hard_sigmoid"};
  return names[static_cast<size_t>(kind)];
}

bool is_clamp(ActivationKind kind) { return kind <= ActivationKind::relu_0_to_1; }

ClampRange clamp_range(ActivationKind kind) {
  constexpr float infinity = __builtin_inff();
  switch (kind) {
    case ActivationKind::none: return {-infinity, infinity};
    case ActivationKind::relu: return {0, infinity};
    case ActivationKind::relu6: return {0, 6};
    case ActivationKind::relu_n1_to_1: return {-1, 1};
    case ActivationKind::relu_0_to_1: return {0, 1};
    default: check(false);
  }
}

bool is_recurrent(const Op& op) { return std::holds_alternative<ConvLstm2D>(op) || std::holds_alternative<Lstm>(op); }

bool keeps_state(const Op& op) {
  return std::visit(Overloaded{[](const ConvLstm2D& o) { return o.stateful; }, [](const Lstm& o) { return o.stateful; },
                               [](const auto&) { return false; }},
                    op);
}

std::string_view op_name(const Op& op) {
  constexpr std::string_view names[] = {"Conv2D",     "DepthwiseConv2D", "Dense",  "ConvLstm2D", "Pool2D",  "BatchNorm",
                                        "Activation", "Reshape",         "Crop2D", "Pad2D",      "Add",     "Mul",
                                        "Quantize",   "Dequantize",      "Lstm",   "LeakyRelu",  "Softmax", "Concat",
                                        "Permute"};
  static_assert(std::size(names) == std::variant_size_v<Op>);
  return names[op.index()];
}

}  // namespace slimpilot
