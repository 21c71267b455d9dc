// SPDX-License-Identifier: Apache-2.0
// A program of somebody else's that runs beside this one and answers: bytes on its standard input, a line for each on its
// standard output. run_program.h is for programs that read everything and end.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>

namespace slimpilot {

class LineProgram {
 public:
  /// Starts `command` in a shell; its standard error is ours. Throws Error when there can be no process. `patience_s`: how long
  /// it may keep quiet.
  explicit LineProgram(std::string command, int patience_s = 60);
  LineProgram(const LineProgram&) = delete;
  /// Ends the program's input; what has not ended a second later is killed, with its children.
  ~LineProgram();

  const std::string& command() const { return command_; }

  /// The line, without its end, with which the program answers `bytes`. Throws Error when it ends instead, keeps quiet, or says
  /// more than a line for what it got before; Cancelled after Ctrl-C.
  std::string answer(std::span<const uint8_t> bytes);

 private:
  void start(const int (&child_streams)[2]);
  void wait_for(int descriptor, short events) const;
  void send(std::span<const uint8_t> bytes);
  bool receive();
  int end();
  [[noreturn]] void has_ended();

  std::string command_, received_;
  int patience_s_;
  int input_ = -1, output_ = -1;  // our ends
  pid_t pid_ = -1;
  size_t answers_ = 0;
};

}  // namespace slimpilot
