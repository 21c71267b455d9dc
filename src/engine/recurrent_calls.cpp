// SPDX-License-Identifier: Apache-2.0
// Calls for LSTM and ConvLSTM2D. What makes their gates are a dense layer or a convolution of the inputs and one of the hidden
// states, each a network of its own here, so that it gets its kernel and its packed weights as any other layer.
#include <algorithm>

#include "engine/node_calls.h"
#include "engine/shares.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

/// A tensor of one step of a sequence.
Value one_step(const Value& sequence, bool has_steps) {
  Value value{.name = sequence.name, .shape = sequence.shape, .type = sequence.type, .quantization = sequence.quantization};
  value.shape[0] = 1;
  if (has_steps) value.shape.erase(value.shape.begin() + 1);
  return value;
}

/// A layer's call and how many gates it makes.
struct Gates {
  NodeCall made;
  int64_t count;
};
Gates gates_of(const Site& s, const Op& layer, Value x, Value weights, Value bias) {
  Graph graph{.values = {std::move(x), std::move(weights), std::move(bias)}, .inputs = {0}};
  append_node(graph, s.node.name, layer, {0, 1, 2});
  const ThreadOptions one_thread;
  Site site{graph, graph.nodes[0], s.kernels, s.constants, s.wanted, s.arithmetic, one_thread};
  site.wanted_if_known = true;
  const auto* convolution = std::get_if<Conv2D>(&layer);
  return {convolution != nullptr ? call_for(*convolution, site) : call_for(std::get<Dense>(layer), site), site.count()};
}

/// Gates of the hidden state of a step.
Gates recurrent_gates(const Site& s, const Op& layer, bool return_sequences) {
  Value no_bias{.name = s.constant(3).name, .shape = s.constant(3).shape};
  no_bias.type = s.output().type == ElementType::f32 ? ElementType::f32 : ElementType::s32;
  no_bias.data.resize(4 * static_cast<size_t>(no_bias.shape[0]));
  return gates_of(s, layer, one_step(s.output(), return_sequences), s.constant(2), std::move(no_bias));
}

const GateLayer* keep_layer(const Site& s, const NodeCall& made) {
  const AnyCall& call = made.parts[0].call;
  const auto* convolution = std::get_if<Call<Conv2dArgs>>(&call);
  const GateLayer layer = convolution != nullptr ? GateLayer(*convolution) : GateLayer(std::get<Call<DenseArgs>>(call));
  return s.constants.keep(std::span(&layer, 1));
}

CellFunction cell_function(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::elu: return {CellFunction::Kind::elu};
    case ActivationKind::tanh: return {CellFunction::Kind::tanh};
    case ActivationKind::sigmoid: return {CellFunction::Kind::sigmoid};
    case ActivationKind::hard_sigmoid: return {CellFunction::Kind::line, .2f, .5f, 0, 1};
    default: return {CellFunction::Kind::line, 1, 0, clamp_range(kind).low, clamp_range(kind).high};
  }
}

/// By what multiplies with the recurrent weights.
std::string_view kernel_name(const NodeCall& recurrent) {
  constexpr std::string_view names[] = {"recurrent_f32", "recurrent_f16", "recurrent_bf16", "recurrent_s8_real",
                                        "recurrent_hybrid"};
  const auto numbers = [](std::string_view name) { return name.substr(name.find('_')); };
  return *std::ranges::find(names, numbers(recurrent.kernel), numbers);
}

/// All ways of both layers: each takes the wanted one if it has it, else its usual one.
void set_ways(NodeCall& made, std::string_view wanted, const NodeCall& input, const NodeCall& recurrent) {
  made.ways = recurrent.ways;
  std::ranges::copy_if(input.ways, std::back_inserter(made.ways),
                       [&](std::string_view way) { return std::ranges::count(recurrent.ways, way) == 0; });
  const auto known = std::ranges::find(made.ways, wanted);
  made.way = known == made.ways.end() ? recurrent.way : *known;
}

/// What both ops have in common, once there are the gates of one step's or of all steps' inputs and of hidden states. Of `op`
/// windows do not count.
NodeCall recurrent_call(const ConvLstm2D& op, const Site& s, const Gates& input, const Gates& recurrent) {
  const ElementType type = s.output().type;
  if (type == ElementType::s8 && s.zero_point(s.output()) != 0) s.fail("its result needs the zero point 0");
  const int filters = s.output().shape.back();
  const int64_t hidden = recurrent.count / 4;
  RecurrentArgs a{.steps = s.input(0).shape[1], .return_sequences = op.return_sequences, .stateful = op.stateful};
  a.steps_at_once = static_cast<int>(input.count / recurrent.count);
  a.input = keep_layer(s, input.made), a.recurrent = keep_layer(s, recurrent.made);
  a.step = {
      s.kernels.elementwise.lstm_step,
      {static_cast<int>(hidden / filters), filters, cell_function(op.recurrent_activation), cell_function(op.activation)}};
  if (type == ElementType::s8) a.quantize = {s.kernels.quantize.f32_to_s8, {hidden, s.scale(s.output()), 0}};
  const auto bytes = [](int64_t count, ElementType t) { return static_cast<size_t>(count) * element_size(t); };
  a.input_bytes = bytes(element_count(s.input(0).shape) / s.input(0).shape[0] / a.steps, s.input(0).type);
  a.hidden_bytes = bytes(hidden, type), a.gate_bytes = bytes(recurrent.count, ElementType::f32);
  a.hidden_offset = buffer_extent(bytes(hidden, ElementType::f32));
  a.state_bytes = a.hidden_offset + a.hidden_bytes;
  a.recurrent_gates = buffer_extent(bytes(input.count, ElementType::f32));
  a.real_hidden = a.recurrent_gates + buffer_extent(a.gate_bytes);
  a.layer_scratch = a.real_hidden + buffer_extent(bytes(hidden, ElementType::f32));

  NodeCall made = each_image<RecurrentArgs>(s, kernel_name(recurrent.made), reference::recurrent, a);
  made.scratch_bytes = a.layer_scratch + std::max(input.made.scratch_bytes, recurrent.made.scratch_bytes);
  made.state_bytes = a.state_bytes, made.keeps_state = op.stateful;
  set_ways(made, s.wanted, input.made, recurrent.made);
  return made;
}

void check_types(const Site& s) {
  if (s.output().type != ElementType::f32 && s.output().type != ElementType::s8) s.fail_type();
}

}  // namespace

NodeCall call_for(const ConvLstm2D& op, const Site& s) {
  check_types(s);
  const Conv2D layer{op.stride_h, op.stride_w, op.padding};
  return recurrent_call(op, s, gates_of(s, layer, one_step(s.input(0), true), s.constant(1), s.constant(3)),
                        recurrent_gates(s, Conv2D{.padding = Padding::same}, op.return_sequences));
}

/// The gates of several inputs are a 1×1 convolution whose pixels are the steps, so that weights are read for many of them at
/// once; unless each step is quantized on the fly, which is then done by its own range.
NodeCall call_for(const Lstm& lstm, const Site& s) {
  check_types(s);
  const ConvLstm2D op{.activation = lstm.activation,
                      .recurrent_activation = lstm.recurrent_activation,
                      .return_sequences = lstm.return_sequences,
                      .stateful = lstm.stateful};
  const Gates recurrent = recurrent_gates(s, Dense{}, op.return_sequences);
  Value x = one_step(s.input(0), true), kernel = s.constant(1);
  const int steps = s.input(0).shape[1], inputs = kernel.shape[1];
  const bool hybrid = x.type == ElementType::f32 && kernel.type == ElementType::s8;
  Op layer = Dense{};
  if (steps > 1 && !hybrid) {
    layer = Conv2D{};
    x.shape = {1, 1, steps, inputs};
    kernel.shape = {kernel.shape[0], 1, 1, inputs};
  }
  return recurrent_call(op, s, gates_of(s, layer, std::move(x), std::move(kernel), s.constant(3)), recurrent);
}

}  // namespace slimpilot
