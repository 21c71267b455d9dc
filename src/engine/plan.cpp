// SPDX-License-Identifier: Apache-2.0
// Makes a plan: calls for the nodes, then one arena for all tensors and scratch memory.
#include "engine/plan.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "engine/steps.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

/// Which buffer each value lives in (a reshape shares its input's), and how long it is needed.
class Buffers {
 public:
  Buffers(const Graph& graph, bool keep_all) : graph_(graph), keep_all_(keep_all), root_(graph.values.size()) {
    for (size_t i = 0; i < root_.size(); ++i) root_[i] = static_cast<ValueId>(i);
    for (const Node& node : graph.nodes)
      if (std::holds_alternative<Reshape>(node.op)) root_[static_cast<size_t>(node.output)] = root(node.inputs[0]);
    for (const ValueId id : graph.inputs) use(id, -1);
  }

  ValueId root(ValueId id) const { return root_[static_cast<size_t>(id)]; }

  void use(ValueId id, int step) {
    const Value& value = graph_.value(root(id));
    if (value.is_constant()) return;
    const size_t bytes = static_cast<size_t>(element_count(value.shape)) * element_size(value.type);
    const auto [entry, added] = index_.try_emplace(root(id), lifetimes_.size());
    if (added) lifetimes_.push_back({bytes, keep_all_ ? -1 : step, step});
    lifetimes_[entry->second].last = std::max(lifetimes_[entry->second].last, step);
  }

  size_t add_scratch(size_t bytes, int step) {
    lifetimes_.push_back({bytes, step, step});
    return lifetimes_.size() - 1;
  }

  size_t pack(int steps) {
    for (const auto& [id, index] : index_)
      if (keep_all_) lifetimes_[index].last = steps;
    return pack_lifetimes(lifetimes_);
  }

  size_t offset(ValueId id) const { return lifetimes_[index_.at(root(id))].offset; }
  size_t scratch_offset(size_t index) const { return lifetimes_[index].offset; }

 private:
  const Graph& graph_;
  bool keep_all_;
  std::vector<ValueId> root_;
  std::map<ValueId, size_t> index_;
  std::vector<Lifetime> lifetimes_;
};

TensorView view(const Graph& graph, const Buffers& buffers, ValueId id) {
  const Value& value = graph.value(id);
  return {value.name, value.shape, value.type, value.quantization.value_or(Quantization{}), buffers.offset(id)};
}

/// Activations of a node and its weights as they are read, each counted once.
size_t node_bytes(const Graph& graph, const Node& node, const NodeCall& call) {
  const auto bytes = [&](ValueId id) {
    return static_cast<size_t>(element_count(graph.value(id).shape)) * element_size(graph.value(id).type);
  };
  size_t total = bytes(node.output);
  for (const ValueId id : node.inputs) total += bytes(id);
  return call.weight_bytes == 0 ? total : total - bytes(node.inputs[1]) + call.weight_bytes;
}

}  // namespace

Plan::Plan(const Graph& graph, const PlanOptions& options)
    : isa_(options.isa), arithmetic_(options.arithmetic), threads_(options.threads) {
  if (threads_.count < 1 || threads_.count > kMostThreads)
    throw Error("a plan has 1 to " + std::to_string(kMostThreads) + " threads");
  if (arithmetic_ == Arithmetic::reduced && !has_reduced_arithmetic(isa_))
    throw Error("reduced arithmetic needs instructions for bfloat16, which " + std::string(isa_name(isa_)) +
                " does not have; take exact arithmetic");
  ConstantStore constants;
  Buffers buffers(graph, options.keep_all_values);
  std::vector<std::vector<size_t>> scratch;  // buffers of each step's parts
  std::vector<const Node*> nodes;
  std::vector<int> operands;
  for (const Node& node : graph.nodes) {
    if (std::holds_alternative<Reshape>(node.op)) continue;
    NodeCall made = make_call(graph, node, options, constants);
    const int index = static_cast<int>(steps_.size());
    for (size_t i = 0; i < static_cast<size_t>(made.operands); ++i) buffers.use(node.inputs[i], index);
    buffers.use(node.output, index);
    scratch.emplace_back();
    for (size_t part = 0; part < made.parts.size(); ++part)
      scratch.back().push_back(buffers.add_scratch(made.scratch_bytes, index));
    nodes.push_back(&node);
    operands.push_back(made.operands);
    const size_t bytes = node_bytes(graph, node, made);
    steps_.push_back({.name = node.name,
                      .kernel = made.kernel,
                      .way = made.way,
                      .ways = std::move(made.ways),
                      .parts = std::move(made.parts),
                      .multiply_adds = slimpilot::multiply_adds(graph, node),
                      .bytes = bytes});
  }
  for (const auto& wanted : options.ways)
    if (std::ranges::none_of(steps_, [&](const Step& s) { return s.name == wanted.first && s.way == wanted.second; }))
      throw Error("there is no step '" + wanted.first + "' that could be computed in several ways");
  for (const ValueId id : graph.outputs) buffers.use(id, static_cast<int>(steps_.size()));
  arena_bytes_ = buffers.pack(static_cast<int>(steps_.size()));

  for (size_t s = 0; s < steps_.size(); ++s) {
    for (size_t i = 0; i < static_cast<size_t>(operands[s]); ++i) {
      const Value& value = graph.value(buffers.root(nodes[s]->inputs[i]));
      if (value.is_constant())
        steps_[s].input[i].constant = constants.keep(value.data);
      else
        steps_[s].input[i].offset = buffers.offset(nodes[s]->inputs[i]);
    }
    steps_[s].output = buffers.offset(nodes[s]->output);
    for (size_t part = 0; part < scratch[s].size(); ++part)
      steps_[s].parts[part].scratch = buffers.scratch_offset(scratch[s][part]);
  }
  for (const ValueId id : graph.inputs) inputs_.push_back(view(graph, buffers, id));
  for (const ValueId id : graph.outputs) outputs_.push_back(view(graph, buffers, id));
  if (options.keep_all_values)
    for (const Node& node : graph.nodes) values_.push_back(view(graph, buffers, node.output));
  constants_ = constants.take();
}

}  // namespace slimpilot
