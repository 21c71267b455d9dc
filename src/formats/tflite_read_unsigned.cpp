// SPDX-License-Identifier: Apache-2.0
// uint8 layers of TensorFlow 1 → int8 layers with symmetric weights that yield the same integers.
#include "formats/tflite_read_unsigned.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "base/error.h"
#include "formats/symmetric_weights.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

constexpr int kMostScales = 1 << 13;  // no input of 8 bits is off by half a step

struct Scales {
  float input, weights;
};

/// Whether LiteRT makes the same multiplier and shift of both.
bool same_multiplier(double a, double b) {
  int shift_a, shift_b;
  const double fraction_a = std::round(std::frexp(a, &shift_a) * 0x1p31);
  const double fraction_b = std::round(std::frexp(b, &shift_b) * 0x1p31);
  return fraction_a == fraction_b && shift_a == shift_b;
}

/// Scales whose product in double, divided by `output`, is the same multiplier as theirs in float32. A float has too few bits
/// for the weights' alone; with each next float for the input's, another of 2^23 places between two floats is tried.
std::optional<Scales> scales_with_product(const Scales& scales, float output) {
  const double wanted = static_cast<double>(scales.input * scales.weights) / static_cast<double>(output);
  float input = scales.input;
  for (int i = 0; i < kMostScales; ++i, input = std::nextafter(input, std::numeric_limits<float>::infinity())) {
    const auto weights = static_cast<float>(wanted * static_cast<double>(output) / static_cast<double>(input));
    if (same_multiplier(static_cast<double>(input) * static_cast<double>(weights) / static_cast<double>(output), wanted))
      return Scales{input, weights};
  }
  return std::nullopt;
}

ValueId append(Graph& graph, std::string name, Op op, std::vector<ValueId> inputs, Quantization quantization) {
  const ValueId id = append_node(graph, std::move(name), std::move(op), std::move(inputs));
  graph.value(id).type = ElementType::s8;
  graph.value(id).quantization = std::move(quantization);
  return id;
}

ValueId add(Graph& graph, Value value) {
  graph.values.push_back(std::move(value));
  return static_cast<ValueId>(graph.values.size()) - 1;
}

const Quantization& per_tensor(const Value& value) {
  if (!value.quantization || value.quantization->scale.size() != 1)
    throw Error("tensor '" + value.name + "' of a uint8 layer needs one scale and one zero point");
  return *value.quantization;
}

Scales layer_scales(const Graph& graph, const Op& op, const std::vector<ValueId>& inputs, ValueId output) {
  const Value& weights = graph.value(inputs[1]);
  const Scales own{per_tensor(graph.value(inputs[0])).scale[0], per_tensor(weights).scale[0]};
  if (std::holds_alternative<Dense>(op)) return own;  // its product is float32's for int8, too
  const auto chosen = scales_with_product(own, per_tensor(graph.value(output)).scale[0]);
  if (!chosen) throw Error("weights '" + weights.name + "' have a scale that int8 layers cannot have");
  return *chosen;
}

ValueId repeated_input(Graph& graph, ValueId x, const std::string& name, int parts, float scale) {
  Quantization q = *graph.value(x).quantization;
  if (q.scale[0] != scale) {
    q.scale[0] = scale;
    x = append(graph, name + "/input", Quantize{}, {x}, q);
  }
  if (parts == 1) return x;
  const int last = static_cast<int>(graph.value(x).shape.size()) - 1;
  return append(graph, name + "/input_repeated", Concat{last}, std::vector<ValueId>(static_cast<size_t>(parts), x), q);
}

}  // namespace

void make_symmetric(TfliteReading& reading, Op& op, std::vector<ValueId>& inputs, ValueId output) {
  Graph& graph = reading.graph;
  const Value weights = graph.value(inputs[1]);
  if (weights.type != ElementType::s8) throw Error("weights '" + weights.name + "' must be uint8 like the input");
  if (graph.value(inputs[0]).shape.empty() || graph.value(inputs[0]).shape.back() != weights.shape.back())
    throw Error("weights '" + weights.name + "' do not fit the input " + shape_text(graph.value(inputs[0]).shape));
  const Scales scales = layer_scales(graph, op, inputs, output);
  SymmetricLayer layer = symmetric_layer(op, weights, [&](size_t bytes) { reading.take(bytes); });
  op = layer.op;
  layer.weights.quantization->scale = {scales.weights};
  inputs[1] = add(graph, std::move(layer.weights));
  reading.take(graph.value(inputs[2]).data.size());
  Value bias = graph.value(inputs[2]);
  bias.quantization = Quantization{{scales.input * scales.weights}, {0}, -1};
  inputs[2] = add(graph, std::move(bias));
  inputs[0] = repeated_input(graph, inputs[0], graph.value(output).name, layer.parts, scales.input);
}

void check_unsigned_average(const Pool2D& pool, const Shape& images, const std::string& name) {
  const auto always_odd = [&](int extent, int window, int stride) {
    const PaddedExtent padded = padded_extent(extent, window, stride, pool.padding);
    for (int i = 0; i < padded.output; ++i) {
      const int first = i * stride - padded.before;
      if ((std::min(first + window, extent) - std::max(first, 0)) % 2 == 0) return false;
    }
    return true;
  };
  if (images.size() != 4 ||
      (always_odd(images[1], pool.window_h, pool.stride_h) && always_odd(images[2], pool.window_w, pool.stride_w)))
    return;
  throw Error("'" + name +
              "' averages an even number of uint8 values, whose halves int8 rounds otherwise; quantize the network to int8");
}

}  // namespace slimpilot
