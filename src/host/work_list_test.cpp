// SPDX-License-Identifier: Apache-2.0
#include "host/work_list.h"

#include <gtest/gtest.h>

namespace slimpilot {
namespace {

TEST(WorkList, TellsTheTimeLeftFromWhatIsDone) {
  std::string text;
  double now_s = 100;
  const ProgressOutput output{[&](std::string_view part) { text += part; }, false, [&] { return now_s; }};
  WorkList list({{"a"}, {"b", 2}, {"c"}, {"d", 6}}, output);
  list.next();
  EXPECT_FALSE(list.left_s());
  now_s += 10;  // a piece takes 10 s
  list.next();
  EXPECT_FALSE(list.left_s());  // nobody knows what a round takes
  now_s += 50;                  // a round takes 20 s
  list.next();
  EXPECT_EQ(list.left_s(), 10 + (10 + 6 * 20));
  now_s += 14;
  list.next();
  EXPECT_EQ(list.left_s(), 12 + 6 * (50 - 12) / 2.0);
  EXPECT_EQ(text,
            "[1/4] a: 0:00 elapsed\n[2/4] b: 0:10 elapsed\n[3/4] c: 1:00 elapsed, about 2:20 left\n"
            "[4/4] d: 1:14 elapsed, about 2:06 left\n");
}

TEST(WorkList, PiecesOfRoundsOnlyNeedNoPlainOnes) {
  double now_s = 0;
  WorkList list({{"a", 1}, {"b", 3}}, {{}, false, [&] { return now_s; }});
  list.next();
  now_s = 5;
  list.next();
  EXPECT_EQ(list.left_s(), 15);
}

}  // namespace
}  // namespace slimpilot
