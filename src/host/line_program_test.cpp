// SPDX-License-Identifier: Apache-2.0
// Programs that answer, and such that do not.
#include "host/line_program.h"

#include <gtest/gtest.h>

#include <chrono>

#include "base/error.h"

namespace slimpilot {
namespace {

std::string ask(LineProgram& program, std::string_view text) {
  return program.answer({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

std::string error_of(const std::string& command, int patience_s = 60) {
  LineProgram program(command, patience_s);
  try {
    for (int i = 0; i < 3; ++i) ask(program, "a\n");
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST(LineProgram, AnswersOneBlockAfterTheOther) {
  LineProgram program("while read -r line; do echo \"<$line>\"; done");
  EXPECT_EQ(ask(program, "a\n"), "<a>");
  EXPECT_EQ(ask(program, "b c\n"), "<b c>");
}

TEST(LineProgram, BlocksMayBeLargerThanAnyPipe) {
  LineProgram program("while [ -n \"$(head -c 3000000 | tail -c 1)\" ]; do echo done; done");
  const std::string block(3'000'000, 'x');
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(program, block), "done");
}

TEST(LineProgram, WhatGoesWrongIsSaid) {
  const std::string early = error_of("read -r line; echo yes; exit 7");
  EXPECT_TRUE(has(early, "ended with exit code 7 after 1 answers")) << early;
  EXPECT_TRUE(has(error_of("nonexistent-program 2>/dev/null"), "exit code 127 after 0"));
  EXPECT_TRUE(has(error_of("kill -SEGV $$"), "by signal 11"));
  EXPECT_TRUE(has(error_of("sleep 100", 1), "said nothing for 1 s"));
  EXPECT_TRUE(has(error_of("printf 'one\\ntwo\\n'; cat"), "more than a line"));
  EXPECT_TRUE(has(error_of("head -c 100000 /dev/zero; cat"), "more than 65536 bytes"));
  EXPECT_TRUE(has(error_of("exec >&-; sleep 100"), "by signal 9 after 0"));
}

TEST(LineProgram, TheProgramEndsWithUs) {
  const auto start = std::chrono::steady_clock::now();
  {
    LineProgram asks("read -r line; echo yes; cat >/dev/null");
    ask(asks, "a\n");
    LineProgram hangs("read -r line; echo yes; sleep 1000; sleep 1000");
    ask(hangs, "a\n");
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

}  // namespace
}  // namespace slimpilot
