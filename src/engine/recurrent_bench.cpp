// SPDX-License-Identifier: Apache-2.0
// LSTM layers as plans run them, one thread: in float32 and int8, whole sequences from a zero state and one frame with the
// state of those before, with the reference kernels and with the fastest instruction set. Items are multiply-adds.
#include <benchmark/benchmark.h>

#include "base/random.h"
#include "engine/session.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

/// Random weights; int8 ones are not an approximation of anything.
Value constant(const std::string& name, Shape shape, bool integers) {
  Random random(1);
  const auto count = static_cast<size_t>(element_count(shape));
  Value value{.name = name, .shape = std::move(shape), .type = integers ? ElementType::s8 : ElementType::f32};
  value.data.resize(count * element_size(value.type));
  if (integers) {
    value.quantization = Quantization{{.002f}, {0}, -1};
    for (int8_t& w : value.elements<int8_t>()) w = static_cast<int8_t>(random.below(255) - 127);
  } else {
    for (float& w : value.elements<float>()) w = static_cast<float>(random.uniform(-.25, .25));
  }
  return value;
}

Graph recurrent_network(const Op& op, Shape x, Shape kernel, Shape recurrent, bool integers) {
  Graph graph;
  const int gates = kernel[0];
  graph.inputs = {add_value(graph, "x", std::move(x), integers ? ElementType::s8 : ElementType::f32)};
  graph.values.push_back(constant("kernel", std::move(kernel), integers));
  graph.values.push_back(constant("recurrent", std::move(recurrent), integers));
  Value bias{.name = "bias", .shape = {gates}, .data = std::vector<std::byte>(4 * static_cast<size_t>(gates))};
  if (integers) bias.type = ElementType::s32, bias.quantization = Quantization{{2e-5f}, {0}, -1};
  graph.values.push_back(std::move(bias));
  graph.outputs = {append_node(graph, "lstm", op, {0, 1, 2, 3})};
  if (!integers) return graph;
  graph.value(graph.inputs[0]).quantization = Quantization{{.01f}, {-3}, -1};
  graph.value(graph.outputs[0]).type = ElementType::s8;
  graph.value(graph.outputs[0]).quantization = Quantization{{1.0f / 127}, {0}, -1};
  return graph;
}

/// 30×40 images of 16 channels, 3×3, 16 filters.
Graph conv_lstm(int steps, bool stateful, bool integers) {
  return recurrent_network(ConvLstm2D{.stateful = stateful}, {1, steps, 30, 40, 16}, {64, 3, 3, 16}, {64, 3, 3, 16}, integers);
}
/// PilotNet's 1152 features to 64 units.
Graph lstm(int steps, bool stateful, bool integers) {
  return recurrent_network(Lstm{.stateful = stateful}, {1, steps, 1152}, {256, 1152}, {256, 64}, integers);
}

void run(benchmark::State& state, const Graph& graph, Isa isa) {
  verify(graph);
  const Plan plan(graph, {.isa = isa});
  Session session(plan);
  Random random(2);
  std::vector<float> input(static_cast<size_t>(element_count(graph.value(graph.inputs[0]).shape)));
  for (float& x : input) x = static_cast<float>(random.uniform(-1, 1));
  session.write_input(input);
  for (auto _ : state) session.run();
  state.SetItemsProcessed(state.iterations() * plan.steps()[0].multiply_adds);
}

const int kRegistered = [] {
  for (const Isa isa : {Isa::reference, supported_isas().back()})
    for (const bool integers : {false, true}) {
      const std::string how = std::string(integers ? "_s8/" : "_f32/") + std::string(isa_name(isa));
      const auto add = [&](const std::string& name, Graph graph) {
        benchmark::RegisterBenchmark((name + how).c_str(), [graph = std::move(graph), isa](benchmark::State& state) {
          run(state, graph, isa);
        })->Unit(benchmark::kMicrosecond);
      };
      add("conv_lstm_8_frames", conv_lstm(8, false, integers)), add("conv_lstm_stateful", conv_lstm(1, true, integers));
      add("lstm_10_frames", lstm(10, false, integers)), add("lstm_stateful", lstm(1, true, integers));
    }
  return 0;
}();

}  // namespace
}  // namespace slimpilot
