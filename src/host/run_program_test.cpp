// SPDX-License-Identifier: Apache-2.0
// Text goes in and comes out whole, and what ends badly says so.
#include "host/run_program.h"

#include <gtest/gtest.h>

namespace slimpilot {
namespace {

TEST(RunProgram, IsAFilter) {
  const std::string text(1'000'000, 'x');  // more than a pipe holds
  const auto result = run_program({"cat"}, text);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->exit_code, 0);
  EXPECT_EQ(result->output, text);
  EXPECT_EQ(result->errors, "");
}

TEST(RunProgram, ArgumentsReachTheProgramAsTheyAre) {
  EXPECT_EQ(run_program({"printf", "%s", "$(id) `id` 'a b' \"c\""}, "")->output, "$(id) `id` 'a b' \"c\"");
}

TEST(RunProgram, TellsHowItEnded) {
  const auto failed = run_program({"sh", "-c", "echo no >&2; exit 3"}, "");
  EXPECT_EQ(failed->exit_code, 3);
  EXPECT_EQ(failed->errors, "no\n");
  EXPECT_EQ(run_program({"sh", "-c", "kill -9 $$"}, "")->exit_code, 128 + 9);
}

TEST(RunProgram, NothingWhenThereIsNoSuchProgram) { EXPECT_FALSE(run_program({"slimpilot-no-such-program"}, "")); }

}  // namespace
}  // namespace slimpilot
