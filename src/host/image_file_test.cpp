// SPDX-License-Identifier: Apache-2.0
// Pictures: round trips, and every way in which a file can be less than a picture.
#include "host/image_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <opencv2/imgcodecs.hpp>
#include <string>

#include "base/error.h"
#include "host/atomic_file.h"

namespace slimpilot {
namespace {

namespace fs = std::filesystem;

Image gradient(int height, int width) {
  Image image{.height = height, .width = width, .pixels = {}};
  for (int i = 0; i < height * width; ++i) {
    image.pixels.push_back(static_cast<uint8_t>(i * 7));
    image.pixels.push_back(static_cast<uint8_t>(i / width));
    image.pixels.push_back(200);
  }
  return image;
}

class ImageFile : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("image_file_" + std::to_string(getpid()));
    fs::create_directories(folder_);
    write_png(png_ = folder_ / "a.png", gradient(20, 30));
    cv::imwrite(jpeg_ = folder_ / "a.jpg", cv::Mat(40, 60, CV_8UC3, cv::Scalar(10, 100, 200)));  // BGR
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// What probe_image and read_image say of these bytes, which must be the same thing.
  std::string problem(const std::string& bytes) const {
    const fs::path path = folder_ / "bad";
    write_file_atomically(path, bytes);
    const std::string prefix = path.string() + ": ";
    std::string probed = "fine", read = "fine";
    try {
      probe_image(path);
    } catch (const Error& error) {
      probed = error.what();
    }
    try {
      read_image(path);
    } catch (const Error& error) {
      read = error.what();
    }
    EXPECT_EQ(probed, read);
    return probed.starts_with(prefix) ? probed.substr(prefix.size()) : probed;
  }

  fs::path folder_, png_;
  std::string jpeg_;
};

TEST_F(ImageFile, PngComesBackAsItWas) {
  EXPECT_EQ(read_image(png_), gradient(20, 30));
  EXPECT_EQ(probe_image(png_), (ImageSize{20, 30}));
}

TEST_F(ImageFile, JpegIsRgb) {
  const Image image = read_image(jpeg_);
  EXPECT_EQ(probe_image(jpeg_), (ImageSize{40, 60}));
  ASSERT_EQ(image.pixels.size(), 40u * 60 * 3);
  EXPECT_NEAR(image.pixels[0], 200, 3);
  EXPECT_NEAR(image.pixels[1], 100, 3);
  EXPECT_NEAR(image.pixels[2], 10, 3);
}

TEST_F(ImageFile, GreyAndAlphaBecomeRgb) {
  cv::imwrite(folder_ / "grey.png", cv::Mat(2, 2, CV_8UC1, cv::Scalar(77)));
  EXPECT_EQ(read_image(folder_ / "grey.png").pixels, std::vector<uint8_t>(12, 77));
  cv::imwrite(folder_ / "alpha.png", cv::Mat(1, 1, CV_8UC4, cv::Scalar(1, 2, 3, 4)));
  EXPECT_EQ(read_image(folder_ / "alpha.png").pixels, (std::vector<uint8_t>{3, 2, 1}));
}

TEST_F(ImageFile, EveryTruncationIsFound) {
  for (const fs::path& path : {png_, fs::path(jpeg_)}) {
    const std::string whole = read_file(path);
    for (size_t length = 0; length < whole.size(); ++length) {
      EXPECT_NE(problem(whole.substr(0, length)), "fine") << path << " cut at " << length << " of " << whole.size();
    }
    EXPECT_EQ(problem(whole), "fine");
  }
}

TEST_F(ImageFile, ATailOfZerosIsFound) {
  for (const fs::path& path : {png_, fs::path(jpeg_)}) {
    std::string bytes = read_file(path);
    std::fill(bytes.end() - static_cast<long>(bytes.size() / 3), bytes.end(), '\0');
    EXPECT_NE(problem(bytes), "fine") << path;
  }
}

TEST_F(ImageFile, TrailingDataAreFine) {
  EXPECT_EQ(problem(read_file(jpeg_) + "trailer"), "fine");
  EXPECT_EQ(problem(read_file(png_) + "trailer"), "fine");
}

TEST_F(ImageFile, SaysWhatIsWrong) {
  EXPECT_EQ(problem(""), "is empty; copy it again or leave it out");
  EXPECT_EQ(problem("GIF89a"), "is neither a PNG nor a JPEG picture; convert it");
  const std::string jpeg = read_file(jpeg_);
  EXPECT_EQ(problem(jpeg.substr(0, jpeg.size() - 2)), "is cut off (no end of picture); copy it again or leave it out");
  const std::string png = read_file(png_);
  EXPECT_EQ(problem(png.substr(0, png.size() - 5)), "is cut off; copy it again or leave it out");
}

TEST_F(ImageFile, RefusesAbsurdSizesBeforeDecoding) {
  std::string bytes = read_file(png_);
  bytes[16] = '\x7f';
  EXPECT_TRUE(problem(bytes).starts_with("declares 2130706462x20 pixels")) << problem(bytes);
  bytes = read_file(png_);
  bytes[18] = bytes[22] = '\x40';  // 16414 x 16404
  EXPECT_TRUE(problem(bytes).starts_with("declares 16414x16404 pixels")) << problem(bytes);
}

TEST_F(ImageFile, DamagedPngIsFoundWhenRead) {
  std::string bytes = read_file(png_);
  bytes[60] = static_cast<char>(bytes[60] ^ 1);
  write_file_atomically(folder_ / "bad", bytes);
  EXPECT_NO_THROW(probe_image(folder_ / "bad"));
  EXPECT_THROW(read_image(folder_ / "bad"), Error);
}

TEST_F(ImageFile, MissingFileAndFolder) {
  EXPECT_THROW(read_image(folder_ / "none.png"), Error);
  EXPECT_THROW(read_image(folder_), Error);
  EXPECT_THROW(write_png(folder_ / "none" / "a.png", gradient(1, 1)), Error);
}

}  // namespace
}  // namespace slimpilot
