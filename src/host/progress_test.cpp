// SPDX-License-Identifier: Apache-2.0
// Progress under a clock that the test moves; Ctrl-C in a process of its own.
#include "host/progress.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

namespace slimpilot {
namespace {

struct Screen {
  std::string text;
  double now = 100;

  ProgressOutput output(bool is_terminal) {
    return {
        .write = [this](std::string_view more) { text += more; }, .is_terminal = is_terminal, .now_s = [this] { return now; }};
  }
};

TEST(Progress, IsSilentForQuickWork) {
  Screen screen;
  {
    Progress progress("train", 1000, screen.output(true));
    for (int i = 0; i < 1000; ++i, screen.now += 1e-4) progress.advance();
  }
  EXPECT_EQ(screen.text, "");
}

TEST(Progress, DrawsABarOnATerminal) {
  Screen screen;
  {
    Progress progress("train", 4, screen.output(true));
    screen.now += 30;
    progress.advance();
    screen.now += 30;
    progress.advance(3);
  }
  EXPECT_EQ(screen.text,
            "\rtrain [######                   ]  25 %  0:30 elapsed, 1:30 left\x1b[K"
            "\rtrain [#########################] 100 %  1:00 elapsed\x1b[K\n");
}

TEST(Progress, WritesFewLinesElsewhere) {
  Screen screen;
  {
    Progress progress("train", 1000, screen.output(false));
    for (int i = 0; i < 1000; ++i) {
      screen.now += .125;
      progress.advance();
    }
  }
  EXPECT_EQ(std::count(screen.text.begin(), screen.text.end(), '\n'), 10) << screen.text;
  EXPECT_TRUE(screen.text.starts_with("train: 10 % (100 of 1000), 0:12 elapsed, 1:52 left\n")) << screen.text;
  EXPECT_TRUE(screen.text.ends_with("train: 100 % (1000 of 1000), 2:05 elapsed\n")) << screen.text;
}

TEST(Progress, WithoutASinkCountsInSilence) {
  Progress progress("train", 0, {});
  progress.advance(5);
}

TEST(CancellationDeathTest, CtrlCThrowsCancelled) {
  const auto interrupt = [] {
    install_interrupt_handler();
    check_cancelled();
    std::raise(SIGINT);
    try {
      check_cancelled();
    } catch (const Cancelled&) {
      std::_Exit(7);
    }
  };
  EXPECT_EXIT(interrupt(), testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace slimpilot
