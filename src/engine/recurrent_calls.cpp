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

/// The layer's call and what it makes, real gates [1,…,4·F] of `x`. Weights are input `weights` of the recurrent node.
struct Gates {
  NodeCall made;
  Shape shape;
};
template <class Layer>
Gates gates_of(const Site& s, const Layer& layer, Value x, size_t weights) {
  const ElementType bias_type = x.type == ElementType::f32 ? ElementType::f32 : ElementType::s32;
  Value bias = s.constant(3);
  if (weights != 1)
    bias = {.name = bias.name,
            .shape = bias.shape,
            .type = bias_type,
            .data = std::vector<std::byte>(4 * static_cast<size_t>(bias.shape[0]))};
  Graph graph{.values = {std::move(x), s.constant(weights), std::move(bias)}, .inputs = {0}};
  append_node(graph, s.node.name, layer, {0, 1, 2});
  const ThreadOptions one_thread;
  const Site site{graph, graph.nodes[0], s.kernels, s.constants, s.wanted, s.arithmetic, one_thread};
  return {call_for(layer, site), site.output().shape};
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

/// What both ops have in common; `layer` makes the gates of inputs, `recurrent_layer` those of hidden states.
template <class Op, class Layer>
NodeCall recurrent_call(const Op& op, const Site& s, const Layer& layer, const Layer& recurrent_layer) {
  const ElementType type = s.output().type;
  if (type != ElementType::f32 && type != ElementType::s8) s.fail_type();
  if (type == ElementType::s8 && s.zero_point(s.output()) != 0) s.fail("its result needs the zero point 0");
  const Gates recurrent = gates_of(s, recurrent_layer, one_step(s.output(), op.return_sequences), 2);
  const Gates input = gates_of(s, layer, one_step(s.input(0), true), 1);

  const int filters = recurrent.shape.back() / 4;
  const int64_t gates = element_count(input.shape), hidden = gates / 4;
  RecurrentArgs a{.steps = s.input(0).shape[1], .return_sequences = op.return_sequences, .stateful = op.stateful};
  a.input = keep_layer(s, input.made), a.recurrent = keep_layer(s, recurrent.made);
  a.step = {
      s.kernels.elementwise.lstm_step,
      {static_cast<int>(hidden / filters), filters, cell_function(op.recurrent_activation), cell_function(op.activation)}};
  if (type == ElementType::s8) a.quantize = {s.kernels.quantize.f32_to_s8, {hidden, s.scale(s.output()), 0}};
  const auto bytes = [](int64_t count, ElementType t) { return static_cast<size_t>(count) * element_size(t); };
  a.input_bytes = bytes(element_count(s.input(0).shape) / s.input(0).shape[0] / a.steps, s.input(0).type);
  a.hidden_bytes = bytes(hidden, type), a.gate_bytes = bytes(gates, ElementType::f32);
  a.hidden_offset = buffer_extent(bytes(hidden, ElementType::f32));
  a.state_bytes = a.hidden_offset + a.hidden_bytes;
  a.recurrent_gates = buffer_extent(a.gate_bytes), a.real_hidden = 2 * a.recurrent_gates;
  a.layer_scratch = a.real_hidden + buffer_extent(bytes(hidden, ElementType::f32));

  NodeCall made = each_image<RecurrentArgs>(s, kernel_name(recurrent.made), reference::recurrent, a);
  made.scratch_bytes = a.layer_scratch + std::max(input.made.scratch_bytes, recurrent.made.scratch_bytes);
  made.state_bytes = a.state_bytes, made.keeps_state = op.stateful;
  made.way = recurrent.made.way;
  std::ranges::copy_if(recurrent.made.ways, std::back_inserter(made.ways),
                       [&](std::string_view way) { return std::ranges::count(input.made.ways, way) > 0; });
  return made;
}

}  // namespace

NodeCall call_for(const ConvLstm2D& op, const Site& s) {
  return recurrent_call(op, s, Conv2D{op.stride_h, op.stride_w, op.padding}, Conv2D{.padding = Padding::same});
}

NodeCall call_for(const Lstm& op, const Site& s) { return recurrent_call(op, s, Dense{}, Dense{}); }

}  // namespace slimpilot
