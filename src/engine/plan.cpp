// SPDX-License-Identifier: Apache-2.0
// Makes a plan: calls for the nodes, then one arena for all tensors and scratch memory.
#include "engine/plan.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "engine/steps.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

constexpr int kLastStep = std::numeric_limits<int>::max();

size_t value_bytes(const Graph& graph, ValueId id) {
  return static_cast<size_t>(element_count(graph.value(id).shape)) * element_size(graph.value(id).type);
}

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

  /// Tensors of one size that one step writes lie behind each other: `id` is the `place`-th behind `first`, before either is
  /// used.
  void put_behind(ValueId first, size_t place, ValueId id) {
    const size_t extent = buffer_extent(bytes_of(first));
    behind_[id] = {first, place * extent};
    row_bytes_[first] = place * extent + bytes_of(first);
  }

  /// Bytes from one tensor to another that one step wrote with it; nothing if they are not such.
  std::optional<ptrdiff_t> distance(ValueId from, ValueId to) const {
    const Place a = behind(from), b = behind(to);
    if (a.first != b.first) return std::nullopt;
    return static_cast<ptrdiff_t>(b.offset) - static_cast<ptrdiff_t>(a.offset);
  }

  void use(ValueId id, int step) {
    if (graph_.value(root(id)).is_constant()) return;
    const ValueId buffer = behind(id).first;
    const auto row = row_bytes_.find(buffer);
    const auto [entry, added] = index_.try_emplace(buffer, lifetimes_.size());
    if (added) lifetimes_.push_back({row == row_bytes_.end() ? bytes_of(buffer) : row->second, keep_all_ ? -1 : step, step});
    lifetimes_[entry->second].last = std::max(lifetimes_[entry->second].last, step);
  }

  size_t add_scratch(size_t bytes, int first, int last) {
    lifetimes_.push_back({bytes, first, last});
    return lifetimes_.size() - 1;
  }

  size_t pack(int steps) {
    for (const auto& [id, index] : index_)
      if (keep_all_) lifetimes_[index].last = steps;
    return pack_lifetimes(lifetimes_);
  }

  size_t offset(ValueId id) const {
    const Place place = behind(id);
    return lifetimes_[index_.at(place.first)].offset + place.offset;
  }
  size_t scratch_offset(size_t index) const { return lifetimes_[index].offset; }

 private:
  struct Place {
    ValueId first;  // whose buffer it is in
    size_t offset;
  };
  Place behind(ValueId id) const {
    const auto found = behind_.find(root(id));
    return found == behind_.end() ? Place{root(id), 0} : found->second;
  }
  size_t bytes_of(ValueId id) const { return value_bytes(graph_, id); }

  const Graph& graph_;
  bool keep_all_;
  std::vector<ValueId> root_;
  std::map<ValueId, Place> behind_;
  std::map<ValueId, size_t> row_bytes_;  // of buffers for several
  std::map<ValueId, size_t> index_;
  std::vector<Lifetime> lifetimes_;
};

/// Which nodes are computed in the step of another.
struct Together {
  struct Cell {
    CellNodes nodes;
    CellPlaces places;
  };
  std::map<const Node*, std::vector<const Node*>> others;  // by the node that names the step
  std::map<const Node*, Cell> cells;                       // by their hidden states
  std::set<const Node*> done;                              // all but those that name a step

  Together(const Graph& graph, const KernelTable& kernels, Buffers& buffers, bool keep_all) {
    for (size_t i = 0; i < graph.nodes.size(); ++i)
      if (!done.contains(&graph.nodes[i])) join(graph.nodes[i], beside(graph, i, kernels), true, buffers);
    for (const Node& node : graph.nodes) {
      const std::optional<CellNodes> cell = cell_of(graph, node, kernels);
      if (!cell) continue;
      const auto input_gate = buffers.distance(node.inputs[0], cell->product->inputs[0]);
      const auto candidate = buffers.distance(node.inputs[0], cell->candidate->inputs[0]);
      if (!input_gate || !candidate) continue;
      const size_t between = buffer_extent(value_bytes(graph, node.output));
      cells[&node] = {*cell, {*input_gate, *candidate, keep_all ? static_cast<ptrdiff_t>(between) : 0}};
      join(node, {cell->candidate, cell->product, cell->curve}, keep_all, buffers);
    }
  }

 private:
  /// `exist`: their results have places.
  void join(const Node& node, const std::vector<const Node*>& more, bool exist, Buffers& buffers) {
    if (more.empty()) return;
    others[&node] = more;
    done.insert(more.begin(), more.end());
    for (size_t i = 0; i < more.size() && exist; ++i) buffers.put_behind(node.output, i + 1, more[i]->output);
  }
};

TensorView view(const Graph& graph, const Buffers& buffers, ValueId id) {
  const Value& value = graph.value(id);
  return {value.name, value.shape, value.type, value.quantization.value_or(Quantization{}), buffers.offset(id)};
}

/// Activations of a call and its weights as they are read, each counted once.
size_t call_bytes(const Graph& graph, const Node& node, const NodeCall& call, std::span<const Node* const> others) {
  if (std::holds_alternative<Concat>(node.op)) return 2 * value_bytes(graph, node.inputs[call.operand]);
  size_t total = value_bytes(graph, node.output);
  for (const ValueId id : node.inputs) total += value_bytes(graph, id);
  for (const Node* other : others) total += value_bytes(graph, other->output);
  return call.weight_bytes == 0 ? total : total - value_bytes(graph, node.inputs[1]) + call.weight_bytes;
}

/// A step whose places in the arena are not known yet.
struct Unplaced {
  const Node* node;
  size_t operand;
  int operands;
  std::vector<size_t> scratch, state;  // buffers of its parts
  size_t kept_bytes;                   // of each part's state
};

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
  std::vector<Unplaced> unplaced;
  Together together(graph, kernels(isa_), buffers, options.keep_all_values);
  for (const Node& node : graph.nodes) {
    if (std::holds_alternative<Reshape>(node.op) || together.done.contains(&node)) continue;
    const std::vector<const Node*>& others = together.others[&node];
    const auto cell = together.cells.find(&node);
    const auto calls = [&] {
      return cell == together.cells.end()
                 ? make_calls(graph, node, options, constants, others)
                 : std::vector{make_cell_call(graph, node, cell->second.nodes, options, constants, cell->second.places)};
    };
    const bool writes_others = cell == together.cells.end() || options.keep_all_values;
    int64_t work = slimpilot::multiply_adds(graph, node);
    for (const Node* other : others) work += slimpilot::multiply_adds(graph, *other);
    for (NodeCall& made : calls()) {
      const int index = static_cast<int>(steps_.size());
      Unplaced step{&node, made.operand, made.operands, {}, {}, made.keeps_state ? made.state_bytes : 0};
      for (size_t i = 0; i < static_cast<size_t>(made.operands); ++i) buffers.use(node.inputs[made.operand + i], index);
      buffers.use(node.output, index);
      for (const Node* other : others)
        if (writes_others) buffers.use(other->output, index);
      for (size_t part = 0; part < made.parts.size(); ++part) {
        step.scratch.push_back(buffers.add_scratch(made.scratch_bytes, index, index));
        if (made.state_bytes == 0) continue;
        step.state.push_back(made.keeps_state ? buffers.add_scratch(made.state_bytes, -1, kLastStep)
                                              : buffers.add_scratch(made.state_bytes, index, index));
      }
      unplaced.push_back(std::move(step));
      const size_t bytes = call_bytes(graph, node, made, others);
      steps_.push_back({.name = node.name,
                        .others = others.size(),
                        .kernel = made.kernel,
                        .way = made.way,
                        .ways = std::move(made.ways),
                        .parts = std::move(made.parts),
                        .multiply_adds = work,
                        .issued = made.issued > 0 ? made.issued : work,
                        .bytes = bytes});
    }
  }
  for (const auto& wanted : options.ways)
    if (std::ranges::none_of(steps_, [&](const Step& s) { return s.name == wanted.first && s.way == wanted.second; }))
      throw Error("there is no step '" + wanted.first + "' that could be computed as '" + wanted.second + "'");
  for (const ValueId id : graph.outputs) buffers.use(id, static_cast<int>(steps_.size()));
  arena_bytes_ = buffers.pack(static_cast<int>(steps_.size()));

  for (size_t s = 0; s < steps_.size(); ++s) {
    const Unplaced& step = unplaced[s];
    for (size_t i = 0; i < static_cast<size_t>(step.operands); ++i) {
      const ValueId operand = step.node->inputs[step.operand + i];
      const Value& value = graph.value(buffers.root(operand));
      if (value.is_constant())
        steps_[s].input[i].constant = constants.keep(value.data);
      else
        steps_[s].input[i].offset = buffers.offset(operand);
    }
    steps_[s].output = buffers.offset(step.node->output);
    for (size_t part = 0; part < step.scratch.size(); ++part) {
      steps_[s].parts[part].scratch = buffers.scratch_offset(step.scratch[part]);
      if (!step.state.empty()) steps_[s].parts[part].state = buffers.scratch_offset(step.state[part]);
      if (step.kept_bytes > 0) states_.push_back({steps_[s].parts[part].state, step.kept_bytes});
    }
  }
  for (const ValueId id : graph.inputs) inputs_.push_back(view(graph, buffers, id));
  for (const ValueId id : graph.outputs) outputs_.push_back(view(graph, buffers, id));
  if (options.keep_all_values)
    for (const Node& node : graph.nodes) values_.push_back(view(graph, buffers, node.output));
  constants_ = constants.take();
}

}  // namespace slimpilot
