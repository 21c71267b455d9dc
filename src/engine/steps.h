// SPDX-License-Identifier: Apache-2.0
// From a node to the call that computes it: which kernel, with which arguments and repacked constants.
#pragma once

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
  std::vector<Part> parts;                  // their scratch is left to the plan
  size_t scratch_bytes = 0;                 // of each part
  int operands = 1;                         // how many of the node's inputs are read from memory when it runs
  size_t weight_bytes = 0;                  // of repacked weights, operand 1 of the node; 0: it is read as it is
  std::string_view way = {};                // which of the ways to compute it, where there are several
  std::vector<std::string_view> ways = {};  // all of them
};

/// Throws Error naming the node when no kernel computes it, or none of the name that the options' ways want.
NodeCall make_call(const Graph& graph, const Node& node, const PlanOptions& options, ConstantStore& constants);

}  // namespace slimpilot
