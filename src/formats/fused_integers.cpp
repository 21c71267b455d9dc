// SPDX-License-Identifier: Apache-2.0
// Dequantize → node → Quantize becomes a node of integers. Nothing is rounded anew: the integers and scales are those of the
// file.
#include "formats/fused_integers.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "formats/symmetric_weights.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

template <class... Ops>
bool is_one_of(const Op& op) {
  return (std::holds_alternative<Ops>(op) || ...);
}
bool has_weights(const Op& op) { return is_one_of<Conv2D, DepthwiseConv2D, Dense>(op); }
bool keeps_numbers(const Op& op) {
  const auto* pool = std::get_if<Pool2D>(&op);
  return is_one_of<Reshape, Crop2D, Pad2D, Permute>(op) || (pool && pool->kind == PoolKind::max);
}
/// Of which the result has its inputs' scale.
bool keeps_scale(const Op& op) { return keeps_numbers(op) || is_one_of<Pool2D, Concat>(op); }

/// Whether the engine computes it in integers of `type` with this result.
bool has_integers(const Op& op, const Value& result) {
  const auto* activation = std::get_if<Activation>(&op);
  if (!activation) return has_weights(op) || keeps_scale(op) || is_one_of<Add, Mul, LeakyRelu>(op);
  const ActivationKind kind = activation->kind;
  if (kind == ActivationKind::hard_sigmoid) return false;
  if (result.type == ElementType::s8) return true;
  if (kind == ActivationKind::tanh || kind == ActivationKind::sigmoid) return result.quantization->scale[0] == 0x1p-15f;
  return kind == ActivationKind::relu || kind == ActivationKind::relu6;
}

class Fuser {
 public:
  Fuser(Graph& graph, const std::function<void(size_t)>& take) : graph_(graph), take_(take) {}
  void fuse();

 private:
  [[noreturn]] void fail(const Node& node, const std::string& what) const { throw Error("layer '" + node.name + "': " + what); }
  void count_readers();
  Node* only_quantize(const Node& node);
  bool leads_to_integers(const Node& node);
  ValueId integers_behind(ValueId id);
  ValueId requantized(ValueId id, const Value& like);
  bool read_integers(const Node& node, const Value& result, std::vector<ValueId>& sources);
  void make_integer(Node node, Node& quantize, std::vector<ValueId> sources);
  void sink_dequantize(Node node);
  void quantize_integers(Node node);
  void keep_real(Node node);
  void make_symmetric(Node& node);
  ValueId integer_bias(const Node& node, const Value& input);
  ValueId real(ValueId id);
  void add(Node node) {
    producer_[static_cast<size_t>(node.output)] = static_cast<int>(nodes_.size());
    nodes_.push_back(std::move(node));
  }
  ValueId add_like(const Value& like, std::string name, Shape shape) {
    graph_.values.push_back(
        {.name = std::move(name), .shape = std::move(shape), .type = like.type, .quantization = like.quantization});
    producer_.push_back(-1);
    return static_cast<ValueId>(graph_.values.size()) - 1;
  }
  const Value& value(ValueId id) const { return graph_.value(id); }

  Graph& graph_;
  const std::function<void(size_t)>& take_;
  std::vector<Node> nodes_;                // the result
  std::vector<int> producer_;              // by value: index in nodes_, or −1
  std::vector<std::vector<int>> readers_;  // by value: indices in the graph's nodes; −1 for its outputs
  std::vector<bool> gone_;                 // nodes of the graph that became part of others
};

void Fuser::count_readers() {
  readers_.resize(graph_.values.size());
  producer_.assign(graph_.values.size(), -1);
  gone_.assign(graph_.nodes.size(), false);
  for (size_t i = 0; i < graph_.nodes.size(); ++i)
    for (const ValueId id : graph_.nodes[i].inputs) readers_[static_cast<size_t>(id)].push_back(static_cast<int>(i));
  for (const ValueId id : graph_.outputs) readers_[static_cast<size_t>(id)].push_back(-1);
}

/// The Quantize that alone reads the node's result.
Node* Fuser::only_quantize(const Node& node) {
  const auto& readers = readers_[static_cast<size_t>(node.output)];
  if (readers.size() != 1 || readers[0] < 0) return nullptr;
  Node& reader = graph_.nodes[static_cast<size_t>(readers[0])];
  return std::holds_alternative<Quantize>(reader.op) ? &reader : nullptr;
}

/// Whether something behind the node, and behind what moves elements after it, can work on integers.
bool Fuser::leads_to_integers(const Node& node) {
  std::vector<ValueId> open{node.output};  // no recursion: a file can put any number of nodes behind each other
  while (!open.empty()) {
    const ValueId id = open.back();
    open.pop_back();
    for (const int i : readers_[static_cast<size_t>(id)]) {
      if (i < 0) continue;
      const Node& reader = graph_.nodes[static_cast<size_t>(i)];
      if (std::holds_alternative<Quantize>(reader.op) || only_quantize(reader)) return true;
      if (keeps_numbers(reader.op)) open.push_back(reader.output);
    }
  }
  return false;
}

/// What is dequantized to `id`: another value, or a constant itself.
ValueId Fuser::integers_behind(ValueId id) {
  if (value(id).is_constant()) return value(id).quantization ? id : kNoValue;
  const int producer = producer_[static_cast<size_t>(id)];
  if (producer < 0 || !std::holds_alternative<Dequantize>(nodes_[static_cast<size_t>(producer)].op)) return kNoValue;
  return nodes_[static_cast<size_t>(producer)].inputs[0];
}

ValueId Fuser::requantized(ValueId id, const Value& like) {
  const ValueId result = add_like(like, value(id).name + "/requantized", value(id).shape);
  add({.name = value(result).name, .op = Quantize{}, .inputs = {id}, .output = result});
  return result;
}

/// The integers that the node would read, as far as these are no weights; false if one input has none of the result's type.
bool Fuser::read_integers(const Node& node, const Value& result, std::vector<ValueId>& sources) {
  const size_t count = has_weights(node.op) ? 1 : node.inputs.size();
  if (has_weights(node.op) && value(node.inputs[1]).type != ElementType::s8) return false;
  for (size_t i = 0; i < count; ++i) {
    const ValueId id = integers_behind(node.inputs[i]);
    if (id == kNoValue) return false;
    const ElementType type = value(id).type;
    if (type != result.type && !(type == ElementType::u8 && result.type == ElementType::s8 && !value(id).is_constant()))
      return false;
    sources.push_back(id);
  }
  return true;
}

/// Of weights with zero points: others without, for which the input is repeated.
void Fuser::make_symmetric(Node& node) {
  const Value weights = value(node.inputs[1]);
  if (std::ranges::all_of(weights.quantization->zero_point, [](int zero) { return zero == 0; })) return;
  SymmetricLayer layer = symmetric_layer(node.op, weights, take_);
  node.op = std::move(layer.op);
  graph_.values.push_back(std::move(layer.weights));
  producer_.push_back(-1);
  node.inputs[1] = static_cast<ValueId>(graph_.values.size()) - 1;
  if (layer.parts == 1) return;
  const ValueId x = node.inputs[0];
  Shape shape = value(x).shape;
  const int last = static_cast<int>(shape.size()) - 1;
  shape.back() *= layer.parts;
  const ValueId repeated = add_like(Value(value(x)), value(node.output).name + "/input_repeated", std::move(shape));
  add({.name = value(repeated).name,
       .op = Concat{last},
       .inputs = std::vector<ValueId>(static_cast<size_t>(layer.parts), x),
       .output = repeated});
  node.inputs[0] = repeated;
}

/// The node's bias with scales input · weights: the file's integers if it has these, else rounded.
ValueId Fuser::integer_bias(const Node& node, const Value& input) {
  const Value bias = value(node.inputs[2]);
  const Quantization& w = *value(node.inputs[1]).quantization;
  Quantization q{.zero_point = std::vector<int32_t>(w.scale.size(), 0), .axis = w.axis < 0 ? -1 : 0};
  for (const float scale : w.scale) q.scale.push_back(scale * input.quantization->scale[0]);
  const auto close = [](float a, float b) { return std::abs(a - b) <= 1e-4f * b; };
  const bool same =
      bias.type == ElementType::s32 && bias.quantization && std::ranges::equal(bias.quantization->scale, q.scale, close);
  if (same) q.scale = bias.quantization->scale;
  const bool wide = input.type == ElementType::s16;
  Value result{.name = bias.name, .shape = bias.shape, .type = wide ? ElementType::s64 : ElementType::s32, .quantization = q};
  const std::vector<float> reals = same ? std::vector<float>() : constant_as_floats(bias);
  for (size_t i = 0; i < static_cast<size_t>(element_count(bias.shape)); ++i) {
    const double real = same ? 0 : std::round(static_cast<double>(reals[i]) / q.scale[q.scale.size() == 1 ? 0 : i]);
    if (!(std::abs(real) < (wide ? 0x1p62 : 0x1p31)))
      fail(node, "its bias is too large for its scale; quantize the network anew");
    const int64_t integer = same ? bias.elements<int32_t>()[i] : static_cast<int64_t>(real);
    const auto* bytes = reinterpret_cast<const std::byte*>(&integer);
    result.data.insert(result.data.end(), bytes, bytes + element_size(result.type));
  }
  graph_.values.push_back(std::move(result));
  producer_.push_back(-1);
  return static_cast<ValueId>(graph_.values.size()) - 1;
}

void Fuser::make_integer(Node node, Node& quantize, std::vector<ValueId> sources) {
  const Value result = value(quantize.output);
  if (std::holds_alternative<Concat>(node.op))
    for (ValueId& id : sources)
      if (value(id).quantization != result.quantization) id = requantized(id, result);
  if (has_weights(node.op)) {
    node.inputs[0] = sources[0];
    make_symmetric(node);
    node.inputs[2] = integer_bias(node, value(sources[0]));
  } else {
    node.inputs = std::move(sources);
  }
  const Value& first = value(node.inputs[0]);
  if (keeps_scale(node.op) && first.quantization != result.quantization) {  // Quantize stays, between integers
    node.output = add_like(first, value(node.output).name, result.shape);
    quantize.inputs = {node.output};
    add(std::move(node));
    add(quantize);
  } else {
    node.output = quantize.output;
    add(std::move(node));
  }
  gone_[static_cast<size_t>(&quantize - graph_.nodes.data())] = true;
}

/// Dequantize → movement becomes movement → Dequantize.
void Fuser::sink_dequantize(Node node) {
  const ValueId source = integers_behind(node.inputs[0]), real = node.output;
  const ValueId moved = add_like(value(source), value(real).name + "/integers", value(real).shape);
  node.inputs[0] = source;
  node.output = moved;
  const std::string name = node.name;
  add(std::move(node));
  add({.name = name + "/real", .op = Dequantize{}, .inputs = {moved}, .output = real});
}

/// A Quantize of what was dequantized: nothing, or from one quantization to another.
void Fuser::quantize_integers(Node node) {
  const ValueId source = integers_behind(node.inputs[0]);
  if (source == kNoValue) return add(std::move(node));
  const bool same =
      value(source).type == value(node.output).type && value(source).quantization == value(node.output).quantization;
  if (same) return replace_uses(graph_, node.output, source);
  node.inputs = {source};
  add(std::move(node));
}

/// An f32 constant of the same numbers.
ValueId Fuser::real(ValueId id) {
  if (!value(id).is_constant() || !value(id).quantization) return id;
  const Value constant = value(id);
  producer_.push_back(-1);
  return add_constant(graph_, constant.name, constant.shape, constant_as_floats(constant));
}

void Fuser::keep_real(Node node) {
  const bool hybrid = has_weights(node.op) && integers_behind(node.inputs[0]) == kNoValue;
  for (size_t i = 0; i < node.inputs.size(); ++i)
    if (!(hybrid && i == 1)) node.inputs[i] = real(node.inputs[i]);
  if (hybrid && value(node.inputs[1]).quantization) {
    make_symmetric(node);
    node.inputs[2] = real(node.inputs[2]);
  }
  add(std::move(node));
}

void Fuser::fuse() {
  count_readers();
  for (size_t i = 0; i < graph_.nodes.size(); ++i) {
    if (gone_[i]) continue;
    const Node node = graph_.nodes[i];
    const bool on_integers = value(node.inputs[0]).type != ElementType::f32;
    if (std::holds_alternative<Quantize>(node.op)) {
      quantize_integers(node);
    } else if (on_integers) {
      add(node);
    } else {
      Node* quantize = only_quantize(node);
      std::vector<ValueId> sources;
      if (quantize && has_integers(node.op, value(quantize->output)) && read_integers(node, value(quantize->output), sources))
        make_integer(node, *quantize, std::move(sources));
      else if (keeps_numbers(node.op) && integers_behind(node.inputs[0]) != kNoValue && leads_to_integers(node))
        sink_dequantize(node);
      else
        keep_real(node);
    }
  }
  graph_.nodes = std::move(nodes_);
}

}  // namespace

void fuse_integers(Graph& graph, const std::function<void(size_t)>& take) { Fuser(graph, take).fuse(); }

}  // namespace slimpilot
