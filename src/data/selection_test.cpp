// SPDX-License-Identifier: Apache-2.0
// Slices as Python makes them, and splits that keep recordings whole.
#include "data/selection.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "host/args.h"

namespace slimpilot {
namespace {

Recording numbered(int count, const std::string& name = "drive") {
  Recording recording{.folder = name};
  for (int i = 0; i < count; ++i) recording.frames.push_back({.image = {}, .labels = {}, .row = i});
  return recording;
}

std::vector<int> rows(const Recording& recording) {
  std::vector<int> numbers;
  for (const Frame& frame : recording.frames) numbers.push_back(frame.row);
  return numbers;
}

std::vector<size_t> selected(const std::string& text, int count = 10) {
  std::vector<size_t> frames;
  for (const FrameId& id : select_frames({numbered(count)}, text)) frames.push_back(id.frame);
  return frames;
}

TEST(FrameSelection, SlicesLikePython) {
  EXPECT_EQ(selected("::4"), (std::vector<size_t>{0, 4, 8}));
  EXPECT_EQ(selected("0::4"), (std::vector<size_t>{0, 4, 8}));
  EXPECT_EQ(selected("1:9:4"), (std::vector<size_t>{1, 5}));
  EXPECT_EQ(selected(":3"), (std::vector<size_t>{0, 1, 2}));
  EXPECT_EQ(selected("8:"), (std::vector<size_t>{8, 9}));
  EXPECT_EQ(selected("8:100"), (std::vector<size_t>{8, 9}));
  EXPECT_EQ(selected("7"), (std::vector<size_t>{7}));
  EXPECT_EQ(selected(":").size(), 10u);
  EXPECT_EQ(selected("9::18446744073709551615"), (std::vector<size_t>{9}));
}

TEST(FrameSelection, Every15thOf3386) { EXPECT_EQ(selected("0::15", 3386).size(), 226u); }

TEST(FrameSelection, SelectsFromEachRecording) {
  const std::vector<FrameId> expected{{0, 2}, {1, 2}, {1, 5}};
  EXPECT_EQ(select_frames({numbered(5), numbered(6), numbered(1)}, "2::3"), expected);
  EXPECT_EQ(select_frames({numbered(2), numbered(1)}, "").size(), 3u);
}

TEST(FrameSelection, RejectsWhatIsNoSlice) {
  for (const char* text :
       {"", "a", "1:2:3:4", "-1", "::0", "1.5", "1 :2", "::-1", "99999999999999999999", "18446744073709551615"}) {
    EXPECT_THROW(parse_frame_selection(text), UsageError) << text;
  }
  EXPECT_THROW(selected("10"), Error);
  EXPECT_THROW(selected("5:5"), Error);
}

TEST(Split, KeepsRecordingsWhole) {
  std::vector<Recording> recordings;
  for (int i = 0; i < 10; ++i) recordings.push_back(numbered(100, std::to_string(i)));
  const Split split = split_by_recording(recordings, .2, 1);
  EXPECT_EQ(split.training.size(), 8u);
  EXPECT_EQ(split.validation.size(), 2u);
  for (const Recording& recording : split.validation) EXPECT_EQ(recording.frames.size(), 100u);
  EXPECT_EQ(split.validation[0].folder, split_by_recording(recordings, .2, 1).validation[0].folder);
}

TEST(Split, LeavesBothSidesSomething) {
  for (const double fraction : {.01, .99}) {
    const Split split = split_by_recording({numbered(5), numbered(500)}, fraction, 3);
    EXPECT_EQ(split.training.size(), 1u);
    EXPECT_EQ(split.validation.size(), 1u);
  }
}

TEST(Split, CutsASingleRecordingWithAGap) {
  const Split split = split_by_recording({numbered(1000)}, .2, 1);
  ASSERT_EQ(split.training.size(), 1u);
  EXPECT_EQ(split.training[0].frames.size(), 780u);
  EXPECT_EQ(rows(split.training[0]).back(), 779);
  EXPECT_EQ(rows(split.validation.at(0)).front(), 800);
  EXPECT_EQ(rows(split.validation[0]).back(), 999);
  EXPECT_EQ(split_by_recording({numbered(2)}, .2, 1).training[0].frames.size(), 1u);
  EXPECT_THROW(split_by_recording({numbered(1)}, .2, 1), Error);
}

}  // namespace
}  // namespace slimpilot
