// SPDX-License-Identifier: Apache-2.0
// Bias correction: rounding a weight by ε shifts the mean result by ε·E[x]; behind ReLU, E[x] is as large as x itself.
#include "optimize/correct_bias.h"

#include <cmath>

#include "graph/edit.h"

namespace slimpilot {

std::vector<float> corrected_bias(std::vector<float> bias, const Value& real, const Value& rounded, int axis,
                                  const std::vector<float>& input_means) {
  const std::vector<float> before = constant_as_floats(real), after = constant_as_floats(rounded);
  const size_t per_output = before.size() / bias.size();
  std::vector<double> shift(bias.size());
  for (size_t i = 0; i < before.size(); ++i)
    shift[axis == 0 ? i / per_output : i % bias.size()] +=
        (static_cast<double>(after[i]) - before[i]) * input_means[i % input_means.size()];
  for (size_t o = 0; o < bias.size(); ++o) bias[o] = static_cast<float>(bias[o] - shift[o]);
  return bias;
}

namespace {

/// The dense layer behind the output, with nothing but Dequantize in between and no activation; −1: none.
int dense_behind(const Graph& graph, ValueId output) {
  int producer = producer_of(graph, output);
  if (producer >= 0 && std::holds_alternative<Dequantize>(graph.nodes[static_cast<size_t>(producer)].op))
    producer = producer_of(graph, graph.nodes[static_cast<size_t>(producer)].inputs[0]);
  if (producer < 0) return -1;
  const auto* dense = std::get_if<Dense>(&graph.nodes[static_cast<size_t>(producer)].op);
  return dense != nullptr && dense->activation == ActivationKind::none ? producer : -1;
}

template <class T>
void subtract(Value& bias, std::span<const double> error) {
  for (size_t i = 0; i < error.size(); ++i)
    bias.elements<T>()[i] -= static_cast<T>(std::llround(error[i] / bias.quantization->scale[i]));
}

}  // namespace

void correct_result(Graph& quantized, const std::vector<double>& error) {
  size_t first = 0;
  for (const ValueId output : quantized.outputs) {
    const auto count = static_cast<size_t>(element_count(quantized.value(output).shape));
    const std::span<const double> part = std::span(error).subspan(first, count);
    first += count;
    const int dense = dense_behind(quantized, output);
    if (dense < 0) continue;
    Value& bias = quantized.value(quantized.nodes[static_cast<size_t>(dense)].inputs[2]);
    if (bias.type == ElementType::s64)
      subtract<int64_t>(bias, part);
    else if (bias.type == ElementType::s32)
      subtract<int32_t>(bias, part);
  }
}

}  // namespace slimpilot
