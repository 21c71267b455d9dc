// SPDX-License-Identifier: Apache-2.0
// A plan with its memory, ready to run.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "engine/plan.h"
#include "engine/worker_pool.h"

namespace slimpilot {

/// Runs one image at a time. Layers that keep state remember the runs before until reset_state(). The plan must outlive the
/// session; a session belongs to one thread at a time, and has the others of the plan's threads for itself.
class Session {
 public:
  explicit Session(const Plan& plan);

  const Plan& plan() const { return *plan_; }

  /// Where input `i` is to be written, in its type, before run().
  std::span<std::byte> input(size_t i = 0) { return at(plan_->inputs()[i]); }

  /// Writes real numbers to input `i`, quantized if it takes integers.
  void write_input(std::span<const float> numbers, size_t i = 0);

  /// Computes the outputs. Allocates nothing, takes no lock, cannot fail; with one thread it makes no system call. The inputs
  /// may be overwritten by it.
  void run() noexcept;

  /// Forgets all frames before: what layers keep from run to run becomes zero, as it is in a new session.
  void reset_state() noexcept;

  /// Runs step `i` alone, for measurements.
  void run_step(size_t i) noexcept;

  /// Output `i` as its type's bytes, valid until the next run.
  std::span<const std::byte> output(size_t i = 0) const { return const_cast<Session*>(this)->at(plan_->outputs()[i]); }

  /// All outputs one after the other as real numbers (integers dequantized); replaces what is in `result`.
  void read_outputs(std::vector<float>& result) const;

  /// Any tensor's bytes, for measurements that need inputs of their own.
  std::span<std::byte> bytes(const TensorView& tensor) { return at(tensor); }

  /// Appends any tensor as real numbers.
  void read(const TensorView& tensor, std::vector<float>& result) const;

 private:
  void run_part(const Step& step, const Part& part) noexcept;
  std::byte* base() { return reinterpret_cast<std::byte*>(arena_.data()); }
  std::span<std::byte> at(const TensorView& t) { return {base() + t.offset, t.bytes()}; }

  const Plan* plan_;
  AlignedBytes arena_;
  std::unique_ptr<WorkerPool> workers_;  // none with one thread
};

}  // namespace slimpilot
