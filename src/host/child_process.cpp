// SPDX-License-Identifier: Apache-2.0
// Runs a function in a forked child under limits of memory and time. The answer comes through a pipe until its end; the
// exit code tells what it is.
#include "host/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <new>

#include "base/error.h"

/// Defined in programs built with a sanitizer, null in others.
extern "C" [[gnu::weak]] void __sanitizer_set_death_callback(void (*callback)());

namespace slimpilot {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kAdvice[] = "; its input is probably damaged, try a fresh copy";

// Exit codes of the child; libraries use others.
constexpr int kResult = 0, kError = 100, kNoMemory = 101, kNotSent = 102;

/// The child as the parent sees it; goes out of scope killed and reaped.
struct Child {
  pid_t pid = -1;
  int pipe = -1;

  /// Its wait status. A child that has already begun to exit keeps its exit code, one that hangs is killed.
  int end() {
    ::kill(pid, SIGKILL);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0)
      if (errno != EINTR) throw Error("cannot wait for a child process: " + std::string(std::strerror(errno)));
    pid = -1;
    return status;
  }
  ~Child() {
    ::close(pipe);
    if (pid < 0) return;
    ::kill(pid, SIGKILL);
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
};

void set_limit(auto resource, rlim_t soft, rlim_t hard) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0) throw Error("cannot read a resource limit");
  limit.rlim_max = std::min(limit.rlim_max, hard);
  limit.rlim_cur = std::min(limit.rlim_max, soft);
  if (::setrlimit(resource, &limit) != 0) throw Error("cannot set a resource limit");
}

/// Bytes of address space that this process has mapped.
size_t mapped_bytes() {
  size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

void confine(const ChildLimits& limits) {
  if (__sanitizer_set_death_callback) {
    __sanitizer_set_death_callback(nullptr);  // a fuzzer must not take the child's death for the parent's
  } else {                                    // sanitizers reserve terabytes of address space
    const rlim_t memory = mapped_bytes() + limits.memory_bytes;
    set_limit(RLIMIT_AS, memory, memory);
  }
  const auto cpu_seconds = static_cast<rlim_t>(limits.cpu_seconds);
  set_limit(RLIMIT_CPU, cpu_seconds, cpu_seconds + 1);
  set_limit(RLIMIT_CORE, 0, 0);
  ::alarm(static_cast<unsigned>(limits.wall_seconds) + 1);  // in case the parent is gone
}

bool send(int pipe, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(pipe, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

[[noreturn]] void run_and_exit(const std::function<std::string()>& work, const ChildLimits& limits, int pipe) {
  for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGINT, SIGTERM, SIGALRM, SIGXCPU, SIGPIPE})
    std::signal(signal, SIG_DFL);
  const int silence = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (silence >= 0) ::dup2(silence, STDERR_FILENO);
  int code = kResult;
  std::string bytes;
  try {
    confine(limits);
    bytes = work();
  } catch (const std::bad_alloc&) {
    code = kNoMemory;
  } catch (const std::exception& error) {
    code = kError;
    bytes = error.what();
  }
  ::_exit(send(pipe, bytes) ? code : kNotSent);
}

/// Everything the child writes until it closes the pipe.
std::string receive(const std::string& task, int pipe, const ChildLimits& limits) {
  const auto deadline = Clock::now() + std::chrono::seconds(limits.wall_seconds);
  std::string bytes;
  char block[1 << 16];
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd ready{.fd = pipe, .events = POLLIN, .revents = 0};
    const int count = left <= 0 ? 0 : ::poll(&ready, 1, static_cast<int>(left));
    if (count == 0)
      throw Error(task + " took more than " + std::to_string(limits.wall_seconds) + " s and was stopped" + kAdvice);
    if (count < 0 && errno == EINTR) continue;
    const ssize_t received = count < 0 ? -1 : ::read(pipe, block, sizeof block);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) throw Error(task + " cannot be heard: " + std::strerror(errno));
    if (received == 0) return bytes;
    bytes.append(block, static_cast<size_t>(received));
    if (bytes.size() > limits.result_bytes)
      throw Error(task + " yields more than " + std::to_string(limits.result_bytes >> 20) + " MiB and was stopped" + kAdvice);
  }
}

Child start(const std::string& task, const std::function<std::string()>& work, const ChildLimits& limits) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw Error(task + " cannot be started: " + std::strerror(errno));
  const pid_t pid = ::fork();
  if (pid == 0) run_and_exit(work, limits, ends[1]);
  const int failure = errno;
  ::close(ends[1]);
  if (pid < 0) ::close(ends[0]);
  if (pid < 0) throw Error(task + " cannot be started: " + std::strerror(failure));
  return {.pid = pid, .pipe = ends[0]};
}

}  // namespace

std::string run_in_child(const std::string& task, const std::function<std::string()>& work, const ChildLimits& limits) {
  Child child = start(task, work, limits);
  std::string bytes = receive(task, child.pipe, limits);
  const int status = child.end();
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    if (signal == SIGXCPU)
      throw Error(task + " took more than " + std::to_string(limits.cpu_seconds) + " s and was stopped" + kAdvice);
    throw Error(task + " crashed (" + ::strsignal(signal) + ")" + kAdvice);
  }
  switch (WEXITSTATUS(status)) {
    case kResult: return bytes;
    case kError: throw Error(bytes);
    case kNoMemory:
      throw Error(task + " needs more than " + std::to_string(limits.memory_bytes >> 20) + " MiB of memory" + kAdvice);
    default: throw Error(task + " ended unexpectedly with exit code " + std::to_string(WEXITSTATUS(status)) + kAdvice);
  }
}

}  // namespace slimpilot
