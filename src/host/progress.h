// SPDX-License-Identifier: Apache-2.0
// How far long work has come, and stopping it cleanly. Nothing here prints: whoever makes a ProgressOutput (cli/) says
// where the text goes, and the work in the other modules only counts.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace slimpilot {

/// Where progress is shown; without `write` it is not. `now_s` is a clock in seconds (empty: the steady clock).
struct ProgressOutput {
  std::function<void(std::string_view)> write;
  bool is_terminal = false;
  std::function<double()> now_s;
};

/// The steady clock.
double steady_now_s();

/// "1:05", "2:00:09"
std::string duration_text(double seconds);

/// One piece of long work of `total` steps. On a terminal a bar with percentage, elapsed and remaining time that
/// redraws itself; elsewhere a line about every 10 % and at least every 30 s. Work of less than a second shows nothing.
/// Threads may advance it together.
class Progress {
 public:
  Progress(std::string title, uint64_t total, ProgressOutput output);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// Ends the bar's line, whether the work is complete or an exception passes.
  ~Progress();

  void advance(uint64_t steps = 1);

 private:
  void show(double now);

  std::string title_;
  uint64_t total_, done_ = 0;
  ProgressOutput output_;
  double start_s_, shown_s_;
  uint64_t shown_percent_ = 0;
  bool drawn_ = false;
  std::mutex mutex_;
};

/// What check_cancelled throws; not an Error, because nothing is wrong.
class Cancelled : public std::exception {
 public:
  const char* what() const noexcept override { return "interrupted"; }
};

/// From now on the first Ctrl-C (SIGINT) only asks to stop; a second one ends the process at once.
void install_interrupt_handler();

/// Throws Cancelled after Ctrl-C. Long loops call it between steps; any thread may.
void check_cancelled();

}  // namespace slimpilot
