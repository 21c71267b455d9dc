// SPDX-License-Identifier: Apache-2.0
// The texts of progress and the flag behind Ctrl-C.
#include "host/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <utility>

namespace slimpilot {
namespace {

constexpr double kQuiet_s = 1, kRedraw_s = .1, kLineAtMost_s = 2, kLineAtLeast_s = 30;

std::string bar_text(uint64_t percent) {
  constexpr uint64_t kCells = 25;
  const uint64_t filled = percent * kCells / 100;
  return "[" + std::string(filled, '#') + std::string(kCells - filled, ' ') + "]";
}

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

extern "C" void note_interrupt(int) { interrupted.store(true, std::memory_order_relaxed); }

}  // namespace

double steady_now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::string duration_text(double seconds) {
  const auto whole = static_cast<int64_t>(std::clamp(seconds, 0.0, 3.6e8));
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

Progress::Progress(std::string title, uint64_t total, ProgressOutput output)
    : title_(std::move(title)), total_(std::max<uint64_t>(total, 1)), output_(std::move(output)) {
  if (!output_.now_s) output_.now_s = steady_now_s;
  start_s_ = output_.now_s();
  shown_s_ = start_s_;
}

Progress::~Progress() {
  try {
    if (drawn_) output_.write("\n");
  } catch (...) {  // a destructor must not throw, and a missing line end harms nobody
  }
}

void Progress::advance(uint64_t steps) {
  if (!output_.write) return;
  const std::lock_guard lock(mutex_);
  done_ = std::min(done_ + steps, total_);
  const double now = output_.now_s();
  const bool complete = done_ == total_;
  if (now - start_s_ < kQuiet_s) return;
  const double since_s = now - shown_s_;
  if (output_.is_terminal) {
    if (since_s >= kRedraw_s || complete) show(now);
  } else {
    const bool far_enough = done_ * 100 / total_ >= shown_percent_ + 10 && since_s >= kLineAtMost_s;
    if (far_enough || since_s >= kLineAtLeast_s || complete) show(now);
  }
}

void Progress::show(double now) {
  const uint64_t percent = done_ * 100 / total_;
  const double elapsed_s = now - start_s_;
  const double left_s = elapsed_s / static_cast<double>(std::max<uint64_t>(done_, 1)) * static_cast<double>(total_ - done_);
  const std::string times =
      duration_text(elapsed_s) + " elapsed" + (done_ == 0 || done_ == total_ ? "" : ", " + duration_text(left_s) + " left");
  if (output_.is_terminal) {
    output_.write(fmt::format("\r{} {} {:3} %  {}\x1b[K", title_, bar_text(percent), percent, times));
    drawn_ = true;
  } else {
    output_.write(fmt::format("{}: {} % ({} of {}), {}\n", title_, percent, done_, total_, times));
  }
  shown_percent_ = percent;
  shown_s_ = now;
}

void install_interrupt_handler() {
  struct sigaction action {};
  action.sa_handler = note_interrupt;
  sigemptyset(&action.sa_mask);
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
}

void check_cancelled() {
  if (interrupted.load(std::memory_order_relaxed)) throw Cancelled();
}

}  // namespace slimpilot
