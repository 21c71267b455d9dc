// SPDX-License-Identifier: Apache-2.0
// Which scale every activation of a network gets in integers.
#include "optimize/integer_scales.h"

#include <algorithm>
#include <cmath>

#include "graph/edit.h"

namespace slimpilot {
namespace {

constexpr float kNoLimit = 3.4e38f;

Quantization single(float scale, int32_t zero_point) { return {{scale}, {zero_point}, -1}; }

/// Where a function no longer distinguishes inputs at this precision. tanh(±4) and sigmoid(±8) are within half a step of their
/// limits in 8 bits; ELU's lower bound −1 is reached within half a step of its output at ln(step/2).
ValueRange useful_inputs(ActivationKind kind, ValueRange range, ElementType type) {
  const bool s8 = type == ElementType::s8;
  switch (kind) {
    case ActivationKind::tanh: return s8 ? ValueRange{-4, 4} : ValueRange{-10, 10};
    case ActivationKind::sigmoid: return s8 ? ValueRange{-8, 8} : ValueRange{-10, 10};
    case ActivationKind::elu: return {std::log((std::max(range.high, 0.0f) + 1) / (s8 ? 255 : 65535) / 2), kNoLimit};
    case ActivationKind::relu: return {0, kNoLimit};
    case ActivationKind::relu6: return {0, 6};
    case ActivationKind::relu_0_to_1: return {0, 1};
    case ActivationKind::relu_n1_to_1: return {-1, 1};
    case ActivationKind::hard_sigmoid: return {-2.5f, 2.5f};
    case ActivationKind::none: break;
  }
  return {-kNoLimit, kNoLimit};
}

/// The range cut to what its readers can tell apart, if all of them are activations.
ValueRange cut_for_readers(const Graph& graph, ValueId id, ValueRange range, ElementType type) {
  const auto readers = consumers_of(graph, id);
  if (readers.empty() || is_output(graph, id)) return range;
  ValueRange useful{0, 0};
  for (const int reader : readers) {
    const auto* activation = std::get_if<Activation>(&graph.nodes[static_cast<size_t>(reader)].op);
    if (activation == nullptr) return range;
    const ValueRange limits = useful_inputs(activation->kind, range, type);
    useful = {std::min(useful.low, limits.low), std::max(useful.high, limits.high)};
  }
  return {std::max(range.low, useful.low), std::min(range.high, useful.high)};
}

ValueRange limits_of(ActivationKind kind) {
  if (is_clamp(kind)) return {clamp_range(kind).low, clamp_range(kind).high};
  switch (kind) {
    case ActivationKind::tanh: return {-1, 1};
    case ActivationKind::sigmoid:
    case ActivationKind::hard_sigmoid: return {0, 1};
    default: return {-1, kNoLimit};  // ELU
  }
}

/// int8 of a recurrent layer's result, which it reads itself: the zero point is 0, as the state before the first step is.
Quantization hidden_scale(ValueRange observed) {
  const float most = std::max(-observed.low, observed.high);
  return single(most > 0 ? most / 127 : 1, 0);
}

/// A Concat of values that have one scale.
bool concatenates_alike(const Node& node, const std::vector<Quantization>& scales) {
  const Quantization& first = scales[static_cast<size_t>(node.inputs[0])];
  return std::holds_alternative<Concat>(node.op) && !first.scale.empty() &&
         std::ranges::all_of(node.inputs, [&](ValueId id) { return scales[static_cast<size_t>(id)] == first; });
}

}  // namespace

/// A clip's scale makes the type's own saturation the clip.
std::optional<Quantization> fixed_scale(const Op& op, ElementType type) {
  const bool s8 = type == ElementType::s8;
  const auto for_kind = [&](ActivationKind kind) -> std::optional<Quantization> {
    if (kind == ActivationKind::tanh && !s8) return single(1.0f / 32768, 0);
    if (kind == ActivationKind::sigmoid || kind == ActivationKind::relu_0_to_1)
      return s8 ? single(1.0f / 256, -128) : single(1.0f / 32768, 0);
    return std::nullopt;
  };
  return std::visit(Overloaded{
                        [&](const Activation& o) { return for_kind(o.kind); },
                        [&](const Conv2D& o) { return for_kind(o.activation); },
                        [&](const DepthwiseConv2D& o) { return for_kind(o.activation); },
                        [&](const Dense& o) { return for_kind(o.activation); },
                        [](const auto&) -> std::optional<Quantization> { return std::nullopt; },
                    },
                    op);
}

ValueRange result_limits(const Op& op) {
  return std::visit(Overloaded{
                        [](const Activation& o) { return limits_of(o.kind); },
                        [](const Conv2D& o) { return limits_of(o.activation); },
                        [](const DepthwiseConv2D& o) { return limits_of(o.activation); },
                        [](const Dense& o) { return limits_of(o.activation); },
                        [](const auto&) {
                          return ValueRange{-kNoLimit, kNoLimit};
                        },
                    },
                    op);
}

bool keeps_scale(const Op& op) {
  return std::holds_alternative<Pool2D>(op) || std::holds_alternative<Reshape>(op) || std::holds_alternative<Crop2D>(op) ||
         std::holds_alternative<Pad2D>(op) || std::holds_alternative<Permute>(op);
}

Quantization quantization_of_range(ValueRange range, ElementType type) {
  const double low = std::min(0.0f, range.low), high = std::max(0.0f, range.high);
  if (low == high) return single(1, 0);
  if (type == ElementType::s16) return single(static_cast<float>(std::max(-low, high) / 32767), 0);
  // The least scale with which `zero` as the zero point covers the range; infinite where a side has no steps.
  const auto covering_scale = [&](double zero) {
    const auto side = [](double extent, double steps) { return extent == 0 ? 0 : extent / steps; };
    return std::max(side(high, 127 - zero), side(-low, zero + 128));
  };
  const double ideal = std::clamp(-128 - low / ((high - low) / 255), -128.0, 127.0);
  const double below = std::floor(ideal), above = std::ceil(ideal);
  const double zero = covering_scale(below) <= covering_scale(above) ? below : above;
  return single(static_cast<float>(covering_scale(zero)), static_cast<int32_t>(zero));
}

std::vector<Quantization> integer_scales(const Graph& graph, const std::map<std::string, ValueRange>& ranges,
                                         ElementType type) {
  std::vector<Quantization> scales(graph.values.size());
  const auto observed = [&](ValueId id) {
    return quantization_of_range(cut_for_readers(graph, id, ranges.at(graph.value(id).name), type), type);
  };
  for (const ValueId id : graph.inputs) scales[static_cast<size_t>(id)] = observed(id);
  for (const Node& node : graph.nodes) {
    Quantization& result = scales[static_cast<size_t>(node.output)];
    if (keeps_scale(node.op) || concatenates_alike(node, scales))
      result = scales[static_cast<size_t>(node.inputs[0])];
    else if (is_recurrent(node.op) && type == ElementType::s8)
      result = hidden_scale(ranges.at(graph.value(node.output).name));
    else if (const auto fixed = fixed_scale(node.op, type))
      result = *fixed;
    else
      result = observed(node.output);
  }
  return scales;
}

}  // namespace slimpilot
