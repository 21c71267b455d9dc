// SPDX-License-Identifier: Apache-2.0
// Runs another program as a filter. Input and outputs are nameless temporary files: with pipes, a program that writes before it
// has read everything would need both sides served at once.
#include "host/run_program.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/error.h"

namespace slimpilot {
namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

Error failure(const std::string& program, int code) { return Error(program + ": cannot be run: " + std::strerror(code)); }

File temporary_file(const std::string& program) {
  File file(std::tmpfile());
  if (!file) throw failure(program, errno);
  return file;
}

std::string contents(std::FILE* file) {
  std::rewind(file);
  std::string text;
  char block[1 << 16];
  while (const size_t count = std::fread(block, 1, sizeof block, file)) text.append(block, count);
  return text;
}

/// Nothing when there is no such program.
std::optional<pid_t> spawn(const std::vector<std::string>& words, std::FILE* const (&streams)[3]) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  for (int i = 0; i < 3; ++i) ::posix_spawn_file_actions_adddup2(&actions, ::fileno(streams[i]), i);
  pid_t pid = 0;
  const int code = ::posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (code == ENOENT) return std::nullopt;
  if (code != 0) throw failure(words[0], code);
  return pid;
}

}  // namespace

std::optional<ProgramResult> run_program(const std::vector<std::string>& words, std::string_view input) {
  check(!words.empty());
  const File in = temporary_file(words[0]), out = temporary_file(words[0]), errors = temporary_file(words[0]);
  if (std::fwrite(input.data(), 1, input.size(), in.get()) != input.size() || std::fflush(in.get()) != 0)
    throw failure(words[0], errno);
  std::rewind(in.get());
  const auto pid = spawn(words, {in.get(), out.get(), errors.get()});
  if (!pid) return std::nullopt;
  int status = 0;
  while (::waitpid(*pid, &status, 0) < 0)
    if (errno != EINTR) throw failure(words[0], errno);
  return ProgramResult{.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
                       .output = contents(out.get()),
                       .errors = contents(errors.get())};
}

}  // namespace slimpilot
