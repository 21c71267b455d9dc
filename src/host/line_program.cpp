// SPDX-License-Identifier: Apache-2.0
// Runs a program that answers. Its standard input is a socket, since writing to one whose reader is gone is an error code and
// no signal; its process group is its own, so that a shell's children end with it.
#include "host/line_program.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/error.h"
#include "host/csv.h"
#include "host/progress.h"

namespace slimpilot {
namespace {

constexpr size_t kLongestLine = 1 << 16;

Error failure(const std::string& command) { return Error("'" + command + "': cannot be run: " + std::strerror(errno)); }

}  // namespace

LineProgram::LineProgram(std::string command, int patience_s) : command_(std::move(command)), patience_s_(patience_s) {
  int in[2], out[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) != 0) throw failure(command_);
  if (::pipe2(out, O_CLOEXEC) != 0) {
    const Error error = failure(command_);
    ::close(in[0]), ::close(in[1]);
    throw error;
  }
  input_ = in[0], output_ = out[0];
  start({in[1], out[1]});
  ::close(in[1]), ::close(out[1]);
  if (pid_ >= 0) return;
  const Error error = failure(command_);
  ::close(input_), ::close(output_);
  throw error;
}

/// Sets pid_, or errno.
void LineProgram::start(const int (&child_streams)[2]) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  for (int i = 0; i < 2; ++i) ::posix_spawn_file_actions_adddup2(&actions, child_streams[i], i);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  char shell[] = "/bin/sh", flag[] = "-c";
  char* const words[] = {shell, flag, command_.data(), nullptr};
  const int code = ::posix_spawn(&pid_, shell, &actions, &attributes, words, environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (code != 0) pid_ = -1, errno = code;
}

LineProgram::~LineProgram() {
  if (pid_ >= 0) end();
  ::close(output_);
}

/// The wait status of the program, which ends now: by itself, or killed.
int LineProgram::end() {
  ::close(input_);
  constexpr int kStep_ms = 5, kSteps = 200;
  int status = 0;
  pid_t ended = 0;
  for (int i = 0; i <= kSteps && ended == 0; ++i) {
    if (i > 0) ::usleep(kStep_ms * 1000);
    ended = ::waitpid(pid_, &status, WNOHANG);
  }
  if (ended == 0) {
    ::kill(-pid_, SIGKILL);
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
  }
  pid_ = -1;
  return status;
}

void LineProgram::has_ended() {
  const int status = end();
  const std::string how = WIFSIGNALED(status) ? "by signal " + std::to_string(WTERMSIG(status))
                                              : "with exit code " + std::to_string(WEXITSTATUS(status));
  throw Error("'" + command_ + "' ended " + how + " after " + std::to_string(answers_) +
              " answers; it must go on until its standard input ends");
}

void LineProgram::wait_for(int descriptor, short events) const {
  constexpr int kSlice_ms = 200;  // Ctrl-C may reach another thread
  for (int waited_ms = 0; waited_ms < patience_s_ * 1000; waited_ms += kSlice_ms) {
    check_cancelled();
    pollfd wait{descriptor, events, 0};
    if (::poll(&wait, 1, kSlice_ms) > 0) return;
  }
  throw Error("'" + command_ + "' said nothing for " + std::to_string(patience_s_) +
              " s; it must answer each frame with a line and flush it");
}

void LineProgram::send(std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    wait_for(input_, POLLOUT);
    const ssize_t sent = ::send(input_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0)
      bytes = bytes.subspan(static_cast<size_t>(sent));
    else if (errno != EAGAIN && errno != EINTR)
      has_ended();
  }
}

/// Adds what the program says to received_; false at its end.
bool LineProgram::receive() {
  char block[4096];
  const ssize_t count = ::read(output_, block, sizeof block);
  if (count > 0) received_.append(block, static_cast<size_t>(count));
  return count > 0 || (count < 0 && (errno == EINTR || errno == EAGAIN));
}

std::string LineProgram::answer(std::span<const uint8_t> bytes) {
  pollfd early{output_, POLLIN, 0};
  if (!received_.empty() || (::poll(&early, 1, 0) > 0 && (early.revents & POLLIN) != 0 && receive()))
    throw Error("'" + command_ + "' says more than a line for each frame: '" +
                printable(std::string_view(received_).substr(0, 80)) + "'");
  send(bytes);
  while (received_.find('\n') == std::string::npos) {
    if (received_.size() > kLongestLine) throw Error("'" + command_ + "' answers with a line of more than 65536 bytes");
    wait_for(output_, POLLIN);
    if (!receive()) has_ended();
  }
  const size_t end = received_.find('\n');
  const std::string line = received_.substr(0, end);
  received_.erase(0, end + 1);
  ++answers_;
  return line;
}

}  // namespace slimpilot
