// SPDX-License-Identifier: Apache-2.0
// Before: a float graph.   After: the same in int8 (or int16 activations with int8 weights), Quantize and Dequantize at its
// ends. Numbers follow docs/int8.md: weights symmetric per output, biases integers of scale s_in·s_w. An op without an integer
// kernel runs in real numbers between a Dequantize and a Quantize. Outputs whose ranges differ more than twofold never share a
// scale: the last dense layer is split into one per output. Weights are rounded together (round_weights.h) unless
// they keep zeros or clusters, and biases take
// back the mean error that is left, layer by layer as derived and at the end as measured (correct_bias.h).
#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "graph/edit.h"
#include "graph/weights.h"
#include "optimize/correct_bias.h"
#include "optimize/integer_scales.h"
#include "optimize/passes.h"
#include "optimize/quantize_weights.h"
#include "optimize/round_weights.h"

namespace slimpilot {
namespace {

using Ranges = std::map<std::string, ValueRange>;

/// The input's range: cameras give 8 bits, so preprocessing says what can come, whatever the calibration frames showed.
ValueRange input_range(const Graph& graph) {
  const Preprocessing& p = graph.preprocessing;
  ValueRange range{p.offset[0], p.offset[0]};
  for (int c = 0; c < 3; ++c)
    for (const float end : {p.offset[c], 255 * p.scale[c] + p.offset[c]})
      range = {std::min(range.low, end), std::max(range.high, end)};
  return range;
}

/// 16 bits have one to spare: twice what was observed, so that frames unlike those that calibrated do not saturate.
ValueRange with_headroom(ValueRange observed) { return {2 * observed.low, 2 * observed.high}; }

/// The range of every activation, and of each element of the result.
struct ObservedRanges {
  Ranges values;
  std::vector<ValueRange> outputs;
};

/// What element `i` of the result can be: labels are scaled to 0 … 1 if their units are known, and activations have limits.
ValueRange output_limits(const Graph& graph, ValueId output, size_t i) {
  const int producer = producer_of(graph, output);
  if (producer < 0) return {0, 0};  // an input, whose range is known
  const ValueRange activation = result_limits(graph.nodes[static_cast<size_t>(producer)].op);
  const bool scaled = !graph.meaning.empty() && (graph.meaning[i].min != 0 || graph.meaning[i].max != 1);
  return scaled ? ValueRange{std::max(activation.low, 0.0f), std::min(activation.high, 1.0f)} : activation;
}

/// Half of what was observed more on each side, as far as the limits go: the next circuit has sharper bends than those that
/// calibrate, and a car whose steering saturates leaves the road.
ValueRange with_margin(ValueRange observed, ValueRange limits) {
  const float margin = (observed.high - observed.low) / 2;
  return {std::min(observed.low, std::max(observed.low - margin, limits.low)),
          std::max(observed.high, std::min(observed.high + margin, limits.high))};
}

/// Results are never clipped, as rare turns are the sharp ones.
void give_outputs_margin(const Graph& graph, ObservedRanges& ranges) {
  size_t i = 0;
  for (const ValueId output : graph.outputs) {
    const size_t end = i + static_cast<size_t>(element_count(graph.value(output).shape));
    ValueRange whole{0, 0};
    for (; i < end; ++i) {
      ValueRange& range = ranges.outputs[i] = with_margin(ranges.outputs[i], output_limits(graph, output, i));
      whole = {std::min(whole.low, range.low), std::max(whole.high, range.high)};
    }
    ranges.values[graph.value(output).name] = whole;
  }
}

ObservedRanges observed_ranges(const Graph& graph, const Calibration& calibration, ElementType activations) {
  ObservedRanges ranges{{}, calibration.output_ranges()};
  const bool wide = activations == ElementType::s16;
  for (const ValueId id : graph.inputs) ranges.values[graph.value(id).name] = input_range(graph);
  for (const Node& node : graph.nodes) {
    const std::string& name = graph.value(node.output).name;
    ranges.values[name] = wide ? with_headroom(calibration.observed(name)) : calibration.range(name);
  }
  if (wide)
    for (ValueRange& range : ranges.outputs) range = with_headroom(range);
  else
    give_outputs_margin(graph, ranges);
  return ranges;
}

/// Row `row` of a constant whose first dimension counts outputs.
ValueId add_row(Graph& graph, ValueId constant, int row, const std::string& suffix) {
  Value part = graph.value(constant);
  const size_t bytes = part.data.size() / static_cast<size_t>(part.shape[0]);
  const auto first = part.data.begin() + static_cast<ptrdiff_t>(bytes * static_cast<size_t>(row));
  part.data = {first, first + static_cast<ptrdiff_t>(bytes)};
  part.shape[0] = 1;
  part.name += suffix;
  graph.values.push_back(std::move(part));
  return static_cast<ValueId>(graph.values.size()) - 1;
}

bool differ_twofold(const std::vector<ValueRange>& ranges) {
  float least = 3.4e38f, greatest = 0;
  for (const ValueRange& r : ranges) {
    const float extent = std::max(std::abs(r.low), std::abs(r.high));
    least = std::min(least, extent);
    greatest = std::max(greatest, extent);
  }
  return greatest > 2 * least;
}

/// Splits the last dense layer into one per output where their ranges ask for it.
void split_outputs(Graph& graph, ObservedRanges& ranges, const std::set<std::string>& real_nodes) {
  const std::vector<ValueRange>& output_ranges = ranges.outputs;
  if (graph.outputs.size() != 1 || output_ranges.size() < 2 || !differ_twofold(output_ranges)) return;
  const int producer = producer_of(graph, graph.outputs[0]);
  if (producer < 0 || !std::holds_alternative<Dense>(graph.nodes[static_cast<size_t>(producer)].op)) return;
  const Node dense = graph.nodes[static_cast<size_t>(producer)];
  if (!consumers_of(graph, dense.output).empty() || real_nodes.contains(dense.name)) return;
  graph.nodes.erase(graph.nodes.begin() + producer);
  graph.outputs.clear();
  for (size_t i = 0; i < output_ranges.size(); ++i) {
    const std::string suffix = "/" + (graph.meaning.empty() ? std::to_string(i) : graph.meaning[i].name);
    const int row = static_cast<int>(i);
    const std::vector<ValueId> inputs{dense.inputs[0], add_row(graph, dense.inputs[1], row, suffix),
                                      add_row(graph, dense.inputs[2], row, suffix)};
    graph.outputs.push_back(append_node(graph, dense.name + suffix, dense.op, inputs));
    ranges.values[dense.name + suffix] = output_ranges[i];
  }
  remove_unused(graph);
}

/// Builds the integer graph node by node; every activation of the source may exist in integers, in real numbers, or both.
class Rewriter {
 public:
  Rewriter(const Graph& source, const Calibration& calibration, std::vector<Quantization> scales, const IntegerOptions& options)
      : source_(source),
        calibration_(calibration),
        scales_(std::move(scales)),
        options_(options),
        integer_(source.values.size(), kNoValue),
        real_(integer_) {
    graph_.name = source.name;
    graph_.preprocessing = source.preprocessing;
    graph_.meaning = source.meaning;
  }

  Graph run() {
    for (const ValueId id : source_.inputs) {
      if (options_.integer_io)
        graph_.inputs.push_back(add_integer(id, ""));
      else
        graph_.inputs.push_back(at(real_, id) = add_value(graph_, source_.value(id).name, source_.value(id).shape));
    }
    for (const Node& node : source_.nodes) {
      if (has_integer_kernel(node.op, options_.activations) && !options_.real_nodes.contains(node.name))
        add_integer_node(node);
      else
        add_real_node(node);
    }
    for (const ValueId id : source_.outputs) graph_.outputs.push_back(options_.integer_io ? integer(id) : real(id));
    return std::move(graph_);
  }

 private:
  static ValueId& at(std::vector<ValueId>& map, ValueId id) { return map[static_cast<size_t>(id)]; }
  const Quantization& scale(ValueId id) const { return scales_[static_cast<size_t>(id)]; }

  ValueId add_integer(ValueId id, const std::string& suffix) {
    const Value& value = source_.value(id);
    const ValueId added = add_value(graph_, value.name + suffix, value.shape, options_.activations);
    graph_.value(added).quantization = scale(id);
    return at(integer_, id) = added;
  }

  /// The value in integers; quantizes it where only real numbers exist.
  ValueId integer(ValueId id) {
    if (at(integer_, id) != kNoValue) return at(integer_, id);
    if (source_.value(id).is_constant()) return at(integer_, id) = add_integer_constant(source_.value(id));
    const ValueId from = at(real_, id);
    const ValueId added = add_integer(id, "/quantized");
    graph_.nodes.push_back({graph_.value(added).name, Quantize{}, {from}, added});
    return added;
  }

  /// The value in real numbers; dequantizes it where only integers exist.
  ValueId real(ValueId id) {
    if (at(real_, id) != kNoValue) return at(real_, id);
    if (source_.value(id).is_constant()) return at(real_, id) = copy_constant(source_.value(id));
    const Value& value = source_.value(id);
    const ValueId added = add_value(graph_, value.name + "/dequantized", value.shape);
    graph_.nodes.push_back({graph_.value(added).name, Dequantize{}, {at(integer_, id)}, added});
    return at(real_, id) = added;
  }

  ValueId copy_constant(const Value& value) {
    graph_.values.push_back(value);
    return static_cast<ValueId>(graph_.values.size()) - 1;
  }

  /// An operand of Add or Mul.
  ValueId add_integer_constant(const Value& value) {
    const std::vector<float> reals = constant_as_floats(value);
    const auto [low, high] = std::minmax_element(reals.begin(), reals.end());
    const Quantization q = quantization_of_range({*low, *high}, options_.activations);
    const auto quantized = [&](float x) { return std::round(x / q.scale[0]) + static_cast<float>(q.zero_point[0]); };
    Value result{.name = value.name, .shape = value.shape, .type = options_.activations, .quantization = q};
    for (const float x : reals) {
      if (options_.activations == ElementType::s8)
        result.data.push_back(static_cast<std::byte>(static_cast<int8_t>(std::clamp(quantized(x), -128.0f, 127.0f))));
      else
        append(result, static_cast<int16_t>(std::clamp(quantized(x), -32767.0f, 32767.0f)));
    }
    return copy_constant(result);
  }

  template <class T>
  static void append(Value& value, T element) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&element);
    value.data.insert(value.data.end(), bytes, bytes + sizeof element);
  }

  /// A weight in s8, no scale less than `least_scale`; what rounding it adds to the mean result is taken off `bias`.
  Value integer_weight(const Node& node, const WeightUse& use, const std::vector<float>& least_scale,
                       std::vector<float>& bias) const {
    const int axis = std::holds_alternative<DepthwiseConv2D>(node.op) ? 3 : 0;
    const Value& real_weights = source_.value(node.inputs[use.place]);
    const ChannelMoments& inputs = calibration_.channel_moments(source_.value(use.multiplied).name);
    Value weights = fitted_weights(real_weights, axis, {least_scale, inputs.variance});
    const PatchCovariance* covariance = axis == 0 ? calibration_.covariance(source_.value(node.output).name) : nullptr;
    const bool is_free = weights.constraint == Constraint{};  // else equal weights must stay equal, zeros zero
    if (options_.adaptive_rounding && covariance != nullptr && is_free)
      round_with_feedback(weights, real_weights, covariance->matrix());
    if (options_.bias_correction) bias = corrected_bias(std::move(bias), real_weights, weights, axis, inputs.mean);
    return weights;
  }

  /// Weights in s8 and the bias in integers of scale s_in·s_w, s_w being that of the first weight. Where a bias would leave 30
  /// bits, this scale grows.
  std::vector<ValueId> integer_weights(const Node& node) {
    const float input_scale = scale(node.inputs[0]).scale[0];
    const Value& bias = source_.value(node.inputs.back());
    std::vector<float> reals = constant_as_floats(bias), least_scale;
    for (const float b : reals) least_scale.push_back(std::abs(b) / input_scale / static_cast<float>(1 << 30));
    std::vector<ValueId> added;
    for (const WeightUse& use : weight_uses(node)) {
      added.push_back(copy_constant(integer_weight(node, use, least_scale, reals)));
      std::ranges::fill(least_scale, 0);
    }
    const std::vector<float>& weight_scale = graph_.value(added[0]).quantization->scale;
    const bool wide = options_.activations == ElementType::s16;
    Value integers{.name = bias.name, .shape = bias.shape, .type = wide ? ElementType::s64 : ElementType::s32};
    integers.quantization = Quantization{{}, std::vector<int32_t>(reals.size()), reals.size() == 1 ? -1 : 0};
    for (size_t c = 0; c < reals.size(); ++c) {
      integers.quantization->scale.push_back(input_scale * weight_scale[c]);
      const double rounded = std::round(static_cast<double>(reals[c]) / integers.quantization->scale[c]);
      if (wide)
        append(integers, static_cast<int64_t>(rounded));
      else
        append(integers, static_cast<int32_t>(rounded));
    }
    added.push_back(copy_constant(integers));
    return added;
  }

  void add_integer_node(const Node& node) {
    std::vector<ValueId> inputs;
    if (!weight_uses(node).empty()) {
      inputs = integer_weights(node);
      inputs.insert(inputs.begin(), integer(node.inputs[0]));
    } else {
      for (const ValueId id : node.inputs) inputs.push_back(integer(id));
    }
    if (std::holds_alternative<Concat>(node.op))
      for (size_t i = 0; i < inputs.size(); ++i) inputs[i] = requantized(inputs[i], node, i);
    const ValueId output = add_integer(node.output, "");
    graph_.nodes.push_back({node.name, node.op, std::move(inputs), output});
  }

  /// Input `i` of a Concat in the scale of its result.
  ValueId requantized(ValueId input, const Node& concat, size_t i) {
    if (graph_.value(input).quantization == scale(concat.output)) return input;
    const std::string name = source_.value(concat.output).name + "/input" + std::to_string(i);
    const ValueId added = add_value(graph_, name, graph_.value(input).shape, options_.activations);
    graph_.value(added).quantization = scale(concat.output);
    graph_.nodes.push_back({name, Quantize{}, {input}, added});
    return added;
  }

  void add_real_node(const Node& node) {
    std::vector<ValueId> inputs;
    for (const ValueId id : node.inputs) inputs.push_back(real(id));
    const Value& value = source_.value(node.output);
    const ValueId output = at(real_, node.output) = add_value(graph_, value.name, value.shape);
    graph_.nodes.push_back({node.name, node.op, std::move(inputs), output});
  }

  const Graph& source_;
  const Calibration& calibration_;
  std::vector<Quantization> scales_;
  IntegerOptions options_;
  Graph graph_;
  std::vector<ValueId> integer_, real_;
};

}  // namespace

bool has_integer_kernel(const Op& op, ElementType activations) {
  if (is_recurrent(op)) return activations == ElementType::s8;
  if (std::holds_alternative<BatchNorm>(op) || std::holds_alternative<Softmax>(op)) return false;
  const auto* activation = std::get_if<Activation>(&op);
  if (activation == nullptr) return true;
  if (activation->kind == ActivationKind::hard_sigmoid) return false;
  return activations == ElementType::s8 ||
         (activation->kind != ActivationKind::elu && activation->kind != ActivationKind::relu_0_to_1);
}

Graph quantize_integer(Graph graph, const Calibration& calibration, const IntegerOptions& options) {
  ObservedRanges ranges = observed_ranges(graph, calibration, options.activations);
  split_outputs(graph, ranges, options.real_nodes);
  Graph integer = Rewriter(graph, calibration, integer_scales(graph, ranges.values, options.activations), options).run();
  if (options.bias_correction) correct_result(integer, calibration.mean_error(integer));
  return integer;
}

std::string float_ops_note(const Graph& graph) {
  const auto is_integer = [&](const Node& node) { return graph.value(node.output).quantization.has_value(); };
  if (std::none_of(graph.nodes.begin(), graph.nodes.end(), is_integer)) return "";
  std::set<std::string> names;
  for (const Node& node : graph.nodes) {
    const bool real = graph.value(node.inputs[0]).type == ElementType::f32 && graph.value(node.output).type == ElementType::f32;
    if (!real) continue;
    const auto* activation = std::get_if<Activation>(&node.op);
    std::string name(activation ? activation_name(activation->kind) : op_name(node.op));
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    names.insert(name);
  }
  std::string note;
  for (const std::string& name : names) note += (note.empty() ? "not integer-only: " : ", ") + name;
  return note;
}

}  // namespace slimpilot
