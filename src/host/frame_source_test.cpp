// SPDX-License-Identifier: Apache-2.0
// Frames from folders and pipes: their order, their bytes, and every way in which they can be missing.
#include "host/frame_source.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "host/atomic_file.h"

namespace slimpilot {
namespace {

namespace fs = std::filesystem;

class FrameSources : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("frame_source_" + std::to_string(getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// Names of all frames, and behind them the message of the error that ended them.
  static std::vector<std::string> names_of(const FrameSource& frames) {
    std::vector<std::string> names;
    try {
      for (NamedFrame frame; frames(frame);) names.push_back(frame.name);
    } catch (const Error& error) {
      names.push_back(error.what());
    }
    return names;
  }

  /// The names of 2x1 frames in a file of so many bytes.
  std::vector<std::string> names_of_raw(size_t bytes) const {
    write_file_atomically(folder_ / "raw", std::string(bytes, 'x'));
    const int descriptor = open((folder_ / "raw").c_str(), O_RDONLY);
    const auto names = names_of(raw_frames(descriptor, {.height = 1, .width = 2}, "camera"));
    close(descriptor);
    return names;
  }

  fs::path folder_;
};

TEST_F(FrameSources, AFolderIsReadByNamesWithTheirNumbersByValue) {
  const Image image{.height = 1, .width = 1, .pixels = {1, 2, 3}};
  const std::vector<std::string> names{"2.png", "02b.png", "10.png", "a1_10.png", "a01_9.png", "a.png", "b.PNG"};
  for (const std::string& name : names) write_png(folder_ / name, image);
  write_file_atomically(folder_ / "data.csv", std::string("path,v,w"));
  EXPECT_EQ(names_of(folder_frames(folder_)),
            (std::vector<std::string>{"2.png", "02b.png", "10.png", "a.png", "a01_9.png", "a1_10.png", "b.PNG"}));
  NamedFrame frame;
  EXPECT_TRUE(folder_frames(folder_)(frame));
  EXPECT_EQ(frame.image, image);
}

TEST_F(FrameSources, AFolderWithoutPicturesIsAnError) {
  EXPECT_THROW(folder_frames(folder_), Error);
  EXPECT_THROW(folder_frames(folder_ / "missing"), Error);
  write_file_atomically(folder_ / "torn.png", std::string("no picture"));
  EXPECT_THROW(folder_frames(folder_ / "torn.png"), Error);
  const std::vector<std::string> names = names_of(folder_frames(folder_));
  EXPECT_EQ(names.size(), 1u);
  EXPECT_TRUE(names[0].starts_with((folder_ / "torn.png").string() + ": ")) << names[0];
}

TEST_F(FrameSources, RawFramesAreWholeOrAnError) {
  EXPECT_EQ(names_of_raw(12), (std::vector<std::string>{"0", "1"}));
  const std::vector<std::string> torn = names_of_raw(10);
  ASSERT_EQ(torn.size(), 2u);
  EXPECT_NE(torn[1].find("camera: frame 1 is cut off: 4 of the 6 bytes of a 2x1 RGB frame"), std::string::npos) << torn[1];
  ASSERT_EQ(names_of_raw(0).size(), 1u);
  EXPECT_NE(names_of_raw(0)[0].find("camera: no frame came"), std::string::npos);
  EXPECT_NE(names_of(raw_frames(9999, {1, 1}, "camera"))[0].find("camera: cannot be read"), std::string::npos);
}

TEST_F(FrameSources, RawFramesComeThroughAPipeInPieces) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const FrameSource frames = raw_frames(ends[0], {.height = 2, .width = 1}, "camera");
  ASSERT_EQ(write(ends[1], "123456789", 9), 9);
  NamedFrame frame;
  ASSERT_TRUE(frames(frame));
  EXPECT_EQ(frame.image, (Image{.height = 2, .width = 1, .pixels = {'1', '2', '3', '4', '5', '6'}}));
  ASSERT_EQ(write(ends[1], "abc", 3), 3);
  close(ends[1]);
  ASSERT_TRUE(frames(frame));
  EXPECT_EQ(frame.image.pixels, (std::vector<uint8_t>{'7', '8', '9', 'a', 'b', 'c'}));
  EXPECT_EQ(frame.name, "1");
  EXPECT_FALSE(frames(frame));
  close(ends[0]);
}

}  // namespace
}  // namespace slimpilot
