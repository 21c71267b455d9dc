// SPDX-License-Identifier: Apache-2.0
// Tiny recordings of each format in a temporary folder, whole and broken in every way.
#include "data/recording.h"

#include "data/formula1_writer.h"
#include "data/recording_test.h"

namespace slimpilot {
namespace {

TEST_F(RecordingFolder, Udacity) {
  image("IMG/center_1.jpg");
  image("IMG/center 2.jpg");
  text("driving_log.csv",
       "\xEF\xBB\xBF/recorder/IMG/center_1.jpg,left,right,-.05,0.25,0,1e-1\r\n"
       "\"C:\\Me, myself\\IMG\\center 2.jpg\", l, r, 1, 0, 0, 22.5\r\n\r\n");
  const Recording recording = read_recording(folder_);
  EXPECT_EQ(recording.format, "udacity");
  EXPECT_EQ(recording.columns, (Texts{"steering", "throttle", "brake", "speed"}));
  EXPECT_EQ(recording.image_size, (ImageSize{4, 6}));
  const std::vector<Frame> expected = {{folder_ / "IMG/center_1.jpg", {-.05f, .25f, 0, .1f}, 1},
                                       {folder_ / "IMG/center 2.jpg", {1, 0, 0, 22.5f}, 2}};
  EXPECT_EQ(recording.frames, expected);
}

TEST_F(RecordingFolder, UdacityHeaderIsSkipped) {
  image("IMG/a.png");
  text("driving_log.csv", "center,left,right,steering,throttle,brake,speed\nIMG/a.png,,,0,0,0,0\n");
  EXPECT_EQ(read_recording(folder_).frames.at(0).row, 2);
}

TEST_F(RecordingFolder, EveryBadRowIsNamed) {
  for (const char* name : {"a.png", "torn.png", "text.png", "empty.png"}) image(fs::path("IMG") / name);
  image("IMG/large.png", 5, 6);
  const std::string whole = read_file(folder_ / "IMG/a.png");
  text("IMG/torn.png", whole.substr(0, whole.size() - 1));
  text("IMG/text.png", "not a picture");
  text("IMG/empty.png", "");
  text("driving_log.csv",
       "a.png,l,r,0,0,0,0\n"
       "none.png,l,r,0,0,0,0\n"
       "torn.png,l,r,0,0,0,0\n"
       "text.png,l,r,0,0,0,0\n"
       "empty.png,l,r,0,0,0,0\n"
       "large.png,l,r,0,0,0,0\n"
       "a.png,l,r,nan,0,0,0\n"
       "a.png,l,r,0,0,fast\x1b[2J,0\n"
       "a.png,l,r,0\n"
       "IMG/,l,r,0,0,0,0\n"
       "a.png,l,r,1,0,0,0\n");
  const Texts problems = {"row 2: none.png: is missing",
                          "row 3: torn.png: is cut off; copy it again or leave it out",
                          "row 4: text.png: is neither a PNG nor a JPEG picture; convert it",
                          "row 5: empty.png: is empty; copy it again or leave it out",
                          "row 6: large.png: is 6x5 pixels, the images before it 6x4",
                          "row 7: steering is not a finite number: 'nan'",
                          "row 8: brake is not a finite number: 'fast?[2J'",
                          "row 9: has 4 columns instead of 7",
                          "row 10: names no centre image"};
  std::string message = "/driving_log.csv: 9 problem(s) beside 2 good rows: ";
  for (const std::string& problem : problems) message += (problem == problems[0] ? "" : "; ") + problem;
  EXPECT_EQ(error(), message + kTail);
  const Recording recording = read_recording(folder_, {.skip_bad_frames = true});
  EXPECT_EQ(recording.problems, problems);
  ASSERT_EQ(recording.frames.size(), 2u);
  EXPECT_EQ(recording.frames[1].row, 11);
}

TEST_F(RecordingFolder, ManyBadRowsAreCounted) {
  image("IMG/a.png");
  std::string rows = "a.png,l,r,0,0,0,0\n";
  for (int i = 0; i < 25; ++i) rows += "b.png,l,r,0,0,0,0\n";
  text("driving_log.csv", rows);
  EXPECT_NE(error().find("row 11: b.png: is missing; and 15 more. Repair"), std::string::npos) << error();
}

TEST_F(RecordingFolder, NothingUsableIsAnErrorEvenWhenSkipping) {
  text("driving_log.csv", "b.png,l,r,0,0,0,0\n");
  EXPECT_EQ(error(), "/driving_log.csv: not one frame can be used: row 1: b.png: is missing");
  EXPECT_THROW(read_recording(folder_, {.skip_bad_frames = true}), Error);
  text("driving_log.csv", "");
  EXPECT_EQ(error(), "/driving_log.csv: not one frame can be used: it has no rows");
}

TEST_F(RecordingFolder, NoRecording) {
  EXPECT_EQ(
      error(),
      ": is no recording: it has none of driving_log.csv (Udacity), data.csv (DeepLearningStudio Formula 1), data.json (the "
      "same, older), dataset.csv (DeepLearningStudio CARLA), manifest.json (Donkey Car); give the folder that holds one of "
      "them");
  text("x", "");
  EXPECT_THROW(read_recording(folder_ / "x"), Error);
  EXPECT_THROW(read_recording(folder_ / "none"), Error);
}

TEST_F(RecordingFolder, Formula1WrittenAndRead) {
  const fs::path drive = folder_ / "drives" / "first";
  Formula1Writer writer(drive);
  for (int i = 0; i < 12; ++i) writer.add(grey(4, 6), 6.5f + static_cast<float>(i), -.1f * static_cast<float>(i), .05 * i);
  EXPECT_THROW(read_recording(drive), Error) << "unfinished";
  writer.finish();
  const Recording recording = read_recording(drive);
  EXPECT_EQ(recording.format, "formula1");
  EXPECT_EQ(recording.columns, (Texts{"v", "w"}));
  ASSERT_EQ(recording.frames.size(), 12u);
  const Frame last{drive / "11.png", {17.5f, -.1f * 11}, 13};
  EXPECT_EQ(recording.frames[11], last) << "11.png comes last, not behind 1.png";
  EXPECT_THROW(Formula1Writer{drive}, Error) << "does not overwrite";
}

TEST_F(RecordingFolder, Formula1PairsInOrderWhenTheCountsAgree) {
  for (const char* name : {"8.png", "9.png", "10.png", "notes.png"}) image(name);
  text("data.csv", "image_name,v,w,timestamp\n0.png,1,0,0\n1.png,2,x,0\n2.png,3,0,0\n");
  EXPECT_EQ(error(), std::string("/data.csv: 1 problem(s) beside 2 good rows: row 3: w is not a finite number: 'x'") + kTail);
  const Recording recording = read_recording(folder_, {.skip_bad_frames = true});
  const Frame last{folder_ / "10.png", {3, 0}, 4};
  EXPECT_EQ(recording.frames.at(1), last);
}

TEST_F(RecordingFolder, Formula1PairsByNumberWhenAnImageIsLost) {
  for (const char* name : {"0.png", "2.png", "3.png", "4.png"}) image(name);
  text("data.csv", "v,w,image_name\n1,0,0.png\n2,0,1.png\n3,0,2.png\n");
  EXPECT_EQ(error(), std::string("/data.csv: 3 problem(s) beside 2 good rows: 3 rows but 4 images; 2 images without a row, the "
                                 "first 3.png; row 3: there is no image 1.png for it") +
                         kTail);
  const Recording recording = read_recording(folder_, {.skip_bad_frames = true});
  const Frame last{folder_ / "2.png", {3, 0}, 4};
  EXPECT_EQ(recording.frames.at(1), last);
}

TEST_F(RecordingFolder, Formula1NeedsItsHeader) {
  image("0.png");
  text("data.csv", "1,2,3,4\n");
  EXPECT_EQ(error(), "/data.csv: its first line has no column 'image_name'; it must be image_name,v,w,timestamp");
  text("data.csv", "");
  EXPECT_EQ(error(), "/data.csv: is empty; it must begin with image_name,v,w,timestamp");
}

TEST_F(RecordingFolder, Formula1OldLayout) {
  for (int i = 1; i <= 10; ++i) image("Images/" + std::to_string(i) + ".png");
  std::string objects;
  for (int i = 1; i <= 10; ++i) objects += "{\"v\": " + std::to_string(i) + ", \"w\": -0.5}" + (i % 2 == 0 ? "\n" : "");
  text("data.json", objects);
  const Recording recording = read_recording(folder_);
  EXPECT_EQ(recording.format, "formula1_json");
  ASSERT_EQ(recording.frames.size(), 10u);
  const Frame last{folder_ / "Images/10.png", {10, -.5f}, 10};
  EXPECT_EQ(recording.frames[9], last);
}

TEST_F(RecordingFolder, Formula1OldLayoutTorn) {
  for (int i = 0; i < 4; ++i) image("Images/" + std::to_string(i) + ".png");
  text("data.json", R"({"v": 1, "w": 0}{"v": NaN, "w": 0}{"v": 1e39, "w": 0}{"v": 4, "w)");
  const std::string wanted = "is not an object with numbers v and w: '";
  EXPECT_EQ(error(), "/data.json: 3 problem(s) beside 1 good rows: row 2: " + wanted + "{\"v\": NaN, \"w\": 0}'; row 3: " +
                         wanted + "{\"v\": 1e39, \"w\": 0}'; row 4: " + wanted + "{\"v\": 4, \"w'" + kTail);
  text("data.json", R"({"v": 1, "w": 0} oops {"v": 1, "w": 0})");
  EXPECT_EQ(error(), "/data.json: byte 17 is outside of any {\"v\": …, \"w\": …} object; repair the file");
  text("data.json", R"({"v": 1, "w": 0})");
  fs::remove_all(folder_ / "Images");
  EXPECT_TRUE(error().starts_with("/Images: cannot be listed")) << error();
}

TEST_F(RecordingFolder, TooManyRows) {
  text("driving_log.csv", std::string(2'000'001, '\n') + "x");
  EXPECT_EQ(error(), "/driving_log.csv: has more than 2 million rows; split the file");
}

TEST(RealRecording, UdacityForward) {
  const fs::path folder = fs::path(SOURCE_DIR) / "../shared/data/udacity/forward";
  if (!fs::exists(folder)) GTEST_SKIP() << "needs the Udacity recording in ../shared, which is not here";
  const Recording recording = read_recording(folder);
  EXPECT_EQ(recording.frames.size(), 3386u);
  EXPECT_EQ(recording.image_size, (ImageSize{160, 320}));
  EXPECT_EQ(recording.frames[1].labels[0], -.05f);
  EXPECT_EQ(read_image(recording.frames[0].image).pixels.size(), 160u * 320 * 3);
}

}  // namespace
}  // namespace slimpilot
