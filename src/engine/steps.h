// SPDX-License-Identifier: Apache-2.0
// From a node to the call that computes it: which kernel, with which arguments and repacked constants.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "engine/plan.h"

namespace slimpilot {

/// Memory that calls point to; addresses stay valid when more is added or the store moves.
class ConstantStore {
 public:
  template <class T>
  const T* keep(std::span<const T> data) {
    return static_cast<const T*>(keep_bytes(std::as_bytes(data)));
  }
  template <class T>
  const T* keep(const std::vector<T>& data) {
    return keep(std::span<const T>(data));
  }
  std::vector<AlignedBytes> take() { return std::move(blocks_); }

 private:
  const void* keep_bytes(std::span<const std::byte> data);
  std::vector<AlignedBytes> blocks_;
};

struct NodeCall {
  std::string_view kernel;
  std::vector<Part> parts;                  // their scratch and state are left to the plan
  size_t scratch_bytes = 0;                 // of each part
  size_t state_bytes = 0;                   // the same
  bool keeps_state = false;                 // the state lasts from run to run and begins as zeros
  size_t operand = 0;                       // the first of the node's inputs that are read from memory when it runs,
  int operands = 1;                         // and how many these are
  int64_t issued = 0;                       // Step::issued, or 0: the node's multiply-adds
  size_t weight_bytes = 0;                  // of repacked weights, operand 1 of the node; 0: it is read as it is
  std::string_view way = {};                // which of the ways to compute it, where there are several
  std::vector<std::string_view> ways = {};  // all of them
};

/// The nodes behind `index` that are best computed in one step with it, because they read the same.
std::vector<const Node*> beside(const Graph& graph, size_t index, const KernelTable& kernels);

/// What a hidden state is made of in one LSTM step from a zero state: hidden = o · curve(product), product = i · candidate(g).
struct CellNodes {
  const Node *candidate, *product, *curve;
};
/// If `hidden` is such a product, in int8, nothing else reads what lies between, and there is a kernel for all of it.
std::optional<CellNodes> cell_of(const Graph& graph, const Node& hidden, const KernelTable& kernels);

/// Where a cell's gates and, if they are wanted, its intermediate results lie; see LstmCellArgs.
struct CellPlaces {
  ptrdiff_t input_gate, candidate, between;
};
NodeCall make_cell_call(const Graph& graph, const Node& hidden, const CellNodes& cell, const PlanOptions& options,
                        ConstantStore& constants, const CellPlaces& places);

/// The calls that compute a node, in order; one, but of a Concat one for each input. `others`: what `beside` says. Throws Error
/// naming the node when no kernel computes it, or none of the name that the options' ways want.
std::vector<NodeCall> make_calls(const Graph& graph, const Node& node, const PlanOptions& options, ConstantStore& constants,
                                 std::span<const Node* const> others);

}  // namespace slimpilot
