// SPDX-License-Identifier: Apache-2.0
// Label columns: how they are written, scaled and chosen.
#include "data/labels.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "host/args.h"

namespace slimpilot {
namespace {

const Recording kFormula1{.folder = "drive", .format = "formula1", .columns = {"v", "w"}};
const Recording kUdacity{.folder = "drive", .format = "udacity", .columns = {"steering", "throttle", "brake", "speed"}};

TEST(Labels, ParsesColumns) {
  const std::vector<LabelColumn> expected = {{"steering", -1, 1}, {"speed", 0, 1}};
  EXPECT_EQ(parse_label_columns("steering:-1:1,speed"), expected);
  for (const char* text : {"", "v,", ":0:1", "v:1", "v:1:2:3", "v:a:1", "v:1:1", "v:2:1", "v:nan:1", "v:0:inf"}) {
    EXPECT_THROW(parse_label_columns(text), UsageError) << text;
  }
}

TEST(Labels, ScalesLinearly) {
  const Frame frame{.image = {}, .labels = {6.5f, 0}};
  EXPECT_EQ(scaled_labels(kFormula1, frame, default_columns(kFormula1, 2)), (std::vector<float>{0, .5f}));
  EXPECT_EQ(scaled_labels(kFormula1, frame, {{"w"}, {"v", 0, 13}}), (std::vector<float>{0, .5f}));
  try {
    scaled_labels(kFormula1, frame, {{"steering"}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "drive: has no label column 'steering'; it has v, w");
  }
}

TEST(Labels, Defaults) {
  const std::vector<LabelColumn> formula1 = {{"v", 6.5f, 24}, {"w", -7.1f, 7.1f}};
  EXPECT_EQ(default_columns(kFormula1, 2), formula1);
  EXPECT_EQ(default_columns(kUdacity, 1), (std::vector<LabelColumn>{{"steering"}}));
  EXPECT_EQ(default_columns(kUdacity, 3), (std::vector<LabelColumn>{{"throttle"}, {"steering"}, {"brake"}}));
  EXPECT_THROW(default_columns(kFormula1, 1), Error);
  EXPECT_THROW(default_columns(kUdacity, 4), Error);
}

}  // namespace
}  // namespace slimpilot
