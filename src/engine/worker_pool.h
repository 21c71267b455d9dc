// SPDX-License-Identifier: Apache-2.0
// Threads that share out work of microseconds.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

namespace slimpilot {

/// Threads that wait for the parts of a piece of work. Shortly after the last one they wait without sleeping, so that handing
/// out work costs less than a microsecond; then they sleep. Who calls run() takes parts too, all of them if the others wake up
/// too late, and then run() does not wait for them. Belongs to one thread at a time.
class WorkerPool {
 public:
  /// `threads`: with the caller's. Throws Error when there can be no more of them.
  explicit WorkerPool(int threads);
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  ~WorkerPool();

  /// Calls work(0) … work(count − 1), each once, on several threads; returns when all have ended. Allocates nothing.
  template <class F>
  void run(size_t count, const F& work) noexcept {
    run_parts(
        static_cast<uint32_t>(count), [](const void* f, size_t part) { (*static_cast<const F*>(f))(part); }, &work);
  }

 private:
  using Work = void (*)(const void* context, size_t part);

  void run_parts(uint32_t count, Work work, const void* context) noexcept;
  bool take_part() noexcept;
  void wait_for_work() noexcept;
  void close() noexcept;

  // The number of the last piece of work (upper half) and how many of its parts nobody has taken yet, in one word: who comes
  // late cannot take a part of another piece than he knows.
  std::atomic<uint64_t> ticket_ = 0;
  std::atomic<uint32_t> unfinished_ = 0;  // parts
  std::atomic<Work> work_ = nullptr;
  std::atomic<const void*> context_ = nullptr;
  std::atomic<bool> closing_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace slimpilot
