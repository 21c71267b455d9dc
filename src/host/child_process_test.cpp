// SPDX-License-Identifier: Apache-2.0
// Children that answer, fail, crash, hang and eat too much.
#include "host/child_process.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/error.h"

namespace slimpilot {
namespace {

const std::string kAdvice = "; its input is probably damaged, try a fresh copy";
constexpr ChildLimits kLimits{.memory_bytes = 256 << 20, .result_bytes = 8 << 20, .cpu_seconds = 20, .wall_seconds = 20};

std::string error_of(const std::function<std::string()>& work, const ChildLimits& limits = kLimits) {
  try {
    run_in_child("the child", work, limits);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(RunInChild, ReturnsBytesLongerThanThePipe) {
  std::string sent(3'000'001, 'x');
  sent[17] = '\0';
  EXPECT_EQ(run_in_child(
                "the child", [&] { return sent; }, kLimits),
            sent);
  EXPECT_EQ(run_in_child(
                "the child", [] { return std::string(); }, kLimits),
            "");
}

TEST(RunInChild, KeepsTheChildsChangesOut) {
  int touched = 0;
  EXPECT_EQ(run_in_child(
                "the child", [&] { return std::to_string(++touched); }, kLimits),
            "1");
  EXPECT_EQ(touched, 0);
}

TEST(RunInChild, PassesErrorsOn) {
  EXPECT_EQ(error_of([]() -> std::string { throw Error("row 7 is torn"); }), "row 7 is torn");
  EXPECT_EQ(error_of([]() -> std::string { throw std::bad_alloc(); }), "the child needs more than 256 MiB of memory" + kAdvice);
}

TEST(RunInChild, SurvivesACrash) {
  const auto crash = []() -> std::string {
    std::raise(SIGSEGV);
    return "alive";
  };
  EXPECT_EQ(error_of(crash), "the child crashed (Segmentation fault)" + kAdvice);
  EXPECT_EQ(error_of([]() -> std::string { ::_exit(7); }), "the child ended unexpectedly with exit code 7" + kAdvice);
}

TEST(RunInChild, StopsAHungChild) {
  ChildLimits limits = kLimits;
  limits.wall_seconds = 1;
  const auto sleep = [] {
    for (;;) ::pause();
    return std::string();
  };
  EXPECT_EQ(error_of(sleep, limits), "the child took more than 1 s and was stopped" + kAdvice);
}

TEST(RunInChild, StopsABusyChild) {
  ChildLimits limits = kLimits;
  limits.cpu_seconds = 1;
  const auto spin = [] {
    const volatile bool forever = true;
    while (forever) {
    }
    return std::string();
  };
  EXPECT_EQ(error_of(spin, limits), "the child took more than 1 s and was stopped" + kAdvice);
}

TEST(RunInChild, LimitsTheAnswer) {
  EXPECT_EQ(error_of([] { return std::string(20 << 20, 'x'); }), "the child yields more than 8 MiB and was stopped" + kAdvice);
}

TEST(RunInChild, LimitsMemory) {
  const std::string error = error_of([] { return std::string(size_t{1} << 30, 'x').substr(0, 1); });
  if (error == "no error") GTEST_SKIP() << "built with a sanitizer, which needs the address space";
  EXPECT_EQ(error, "the child needs more than 256 MiB of memory" + kAdvice);
}

TEST(RunInChild, LeavesNoZombies) {
  error_of([]() -> std::string { ::_exit(7); });
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace slimpilot
