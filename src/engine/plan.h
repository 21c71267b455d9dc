// SPDX-License-Identifier: Apache-2.0
// A graph made ready for one CPU: steps with their kernels chosen, weights repacked, memory laid out. Immutable, so several
// sessions can share one.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/cpu.h"
#include "engine/kernels/copy/copy.h"
#include "engine/kernels/kernels.h"
#include "engine/kernels/recurrent/recurrent.h"
#include "engine/memory.h"
#include "graph/graph.h"

namespace slimpilot {

using AnyCall = std::variant<Call<Conv2dArgs>, Call<DenseArgs>, Call<DepthwiseArgs>, Call<PoolArgs>, Call<UnaryArgs>,
                             Call<LookupArgs>, Call<Curve16Args>, Call<Clamp16Args>, Call<BinaryArgs>, Call<ScaleArgs>,
                             Call<EdgesArgs>, Call<LstmCellArgs>, Call<QuantizeArgs>, Call<RequantizeArgs>, Call<RecurrentArgs>,
                             Call<CopyArgs>, Call<SlopeArgs>, Call<Slope16Args>, Call<SoftmaxArgs>>;

/// A share of a step that one thread computes, or one image of several.
struct Part {
  AnyCall call;
  size_t input = 0, output = 0;   // where its first operand and its result begin: bytes behind the step's
  size_t scratch = 0, state = 0;  // offsets in the arena
};

/// Where an operand is: `constant` if set, else at `offset` in the arena.
struct Operand {
  const void* constant = nullptr;
  size_t offset = 0;
};

struct Step {
  std::string name;                    // of the node, the first of several; a Concat has a step for each input
  size_t others = 0;                   // further nodes that are computed at once
  std::string_view kernel;             // "conv2d_s8", …
  std::string_view way;                // "avx2", …: which of several that compute the same
  std::vector<std::string_view> ways;  // all of them; empty: there is one
  std::vector<Part> parts;             // they write different bytes
  Operand input[2];
  size_t output = 0;  // offset in the arena
  int64_t multiply_adds = 0;
  int64_t issued = 0;  // the same with the padding that the kernel's vectors or tiles multiply
  size_t bytes = 0;    // weights and activations, each counted once
};

/// A tensor of the running network that can be looked at.
struct TensorView {
  std::string name;
  Shape shape;
  ElementType type = ElementType::f32;
  Quantization quantization;  // of integers
  size_t offset = 0;          // in the arena
  size_t bytes() const { return static_cast<size_t>(element_count(shape)) * element_size(type); }
};

/// Bytes of the arena that last from run to run.
struct StateView {
  size_t offset, bytes;
};

/// By name of the step: the way to compute it (Step::way).
using Ways = std::map<std::string, std::string>;

inline constexpr int kMostThreads = 64;

struct ThreadOptions {
  int count = 1;                 // 1 … kMostThreads; how many a session has
  int64_t least_work = 100'000;  // multiply-adds that are worth the microsecond it takes to hand them to a thread
};

/// reduced: layers with real weights round them and their inputs to bfloat16; docs/reduced.md says what that costs. Integers
/// and everything else are as in exact arithmetic.
enum class Arithmetic : uint8_t { exact, reduced };
constexpr std::string_view arithmetic_name(Arithmetic a) { return a == Arithmetic::exact ? "exact" : "reduced"; }

struct PlanOptions {
  Isa isa = selected_isa();
  Arithmetic arithmetic = Arithmetic::exact;
  Ways ways = {};                // steps that are not named have the way that mostly is the fastest; see choose_ways.h
  bool keep_all_values = false;  // every value keeps its own place, so that it can be read after a run
  ThreadOptions threads = {};    // change no result
};

class Plan {
 public:
  /// Throws Error when the graph holds something no kernel computes, naming the node, when there is no such way or step, or no
  /// reduced arithmetic on this instruction set.
  explicit Plan(const Graph& graph, const PlanOptions& options = {});

  Isa isa() const { return isa_; }
  Arithmetic arithmetic() const { return arithmetic_; }
  const ThreadOptions& threads() const { return threads_; }
  /// What another plan needs to compute the same numbers as fast, the ways apart.
  PlanOptions options() const { return {.isa = isa_, .arithmetic = arithmetic_, .threads = threads_}; }
  const std::vector<Step>& steps() const { return steps_; }
  const std::vector<TensorView>& inputs() const { return inputs_; }
  const std::vector<TensorView>& outputs() const { return outputs_; }
  /// Results of all nodes in order; only with keep_all_values.
  const std::vector<TensorView>& values() const { return values_; }
  /// What steps remember of the frames before; a state of zeros remembers nothing.
  const std::vector<StateView>& states() const { return states_; }
  size_t arena_bytes() const { return arena_bytes_; }

 private:
  Isa isa_;
  Arithmetic arithmetic_;
  ThreadOptions threads_;
  std::vector<Step> steps_;
  std::vector<TensorView> inputs_, outputs_, values_;
  std::vector<StateView> states_;
  std::vector<AlignedBytes> constants_;
  size_t arena_bytes_ = 0;
};

}  // namespace slimpilot
