// SPDX-License-Identifier: Apache-2.0
// Threads that share out work of microseconds.
#include "engine/worker_pool.h"

#include <string>
#include <system_error>

#include "base/error.h"

namespace slimpilot {
namespace {

constexpr int kPauses = 5000;  // some 100 µs: longer than what lies between two steps, shorter than between two frames

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

constexpr uint64_t kNextWork = uint64_t{1} << 32;

uint32_t parts_left(uint64_t ticket) { return static_cast<uint32_t>(ticket); }

}  // namespace

WorkerPool::WorkerPool(int threads) {
  try {
    for (int i = 1; i < threads; ++i) threads_.emplace_back([this] { wait_for_work(); });
  } catch (const std::system_error& error) {
    close();
    throw Error("no more threads can be started: " + std::string(error.what()));
  }
}

WorkerPool::~WorkerPool() { close(); }

void WorkerPool::close() noexcept {
  closing_ = true;
  ticket_ += kNextWork;
  ticket_.notify_all();
}

/// False when no part is left.
bool WorkerPool::take_part() noexcept {
  uint64_t ticket = ticket_.load();
  Work work;
  const void* context;
  do {
    if (parts_left(ticket) == 0) return false;
    work = work_.load(), context = context_.load();
  } while (!ticket_.compare_exchange_weak(ticket, ticket - 1));
  work(context, parts_left(ticket) - 1);
  unfinished_ -= 1;
  return true;
}

void WorkerPool::run_parts(uint32_t count, Work work, const void* context) noexcept {
  work_ = work, context_ = context, unfinished_ = count;
  ticket_ = ticket_.load() + kNextWork + count;  // no part of the last one is left
  ticket_.notify_all();
  while (take_part()) {
  }
  for (int i = 0; unfinished_.load() != 0; ++i) i < kPauses ? pause() : std::this_thread::yield();
}

void WorkerPool::wait_for_work() noexcept {
  for (;;) {
    const uint64_t seen = ticket_.load();  // before it is asked whether the pool closes, or waiting could miss that
    if (closing_.load()) return;
    if (take_part()) continue;
    int pauses = 0;
    while (ticket_.load() == seen && pauses < kPauses) pause(), ++pauses;
    ticket_.wait(seen);
  }
}

}  // namespace slimpilot
