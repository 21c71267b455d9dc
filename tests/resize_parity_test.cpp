// SPDX-License-Identifier: Apache-2.0
// The engine's resize is within one grey level of OpenCV's INTER_LINEAR, whatever the sizes; its YUV within one of OpenCV's.
// In tests/ because the engine itself may not know OpenCV.
#include <gtest/gtest.h>

#include <cmath>
#include <opencv2/imgproc.hpp>

#include "base/random.h"
#include "engine/frame_input.h"

namespace slimpilot {
namespace {

struct Sizes {
  int frame_w, frame_h, width, height, crop_top = 0, crop_bottom = 0;
};

cv::Mat random_frame(int h, int w, uint64_t seed) {
  Random random(seed);
  cv::Mat frame(h, w, CV_8UC3);
  for (uint8_t* p = frame.data; p != frame.data + frame.total() * 3; ++p) *p = static_cast<uint8_t>(random.below(256));
  return frame;
}

std::vector<float> prepared(const Sizes& s, const Preprocessing& p, const cv::Mat& frame, Isa isa) {
  const TensorView input{.name = "image", .shape = {1, s.height, s.width, 3}};
  std::vector<float> target(static_cast<size_t>(element_count(input.shape)));
  FrameInput(p, input, s.frame_h, s.frame_w, isa)
      .prepare({frame.data, frame.total() * 3}, std::as_writable_bytes(std::span(target)));
  return target;
}

float largest_difference(const std::vector<float>& actual, const cv::Mat& expected) {
  EXPECT_EQ(actual.size(), expected.total() * 3);
  float largest = 0;
  for (size_t i = 0; i < actual.size(); ++i)
    largest = std::max(largest, std::abs(actual[i] - static_cast<float>(expected.data[i])));
  return largest;
}

class ResizeParity : public testing::TestWithParam<Sizes> {};

TEST_P(ResizeParity, WithinOneGreyLevelOfOpenCv) {
  const Sizes s = GetParam();
  for (const uint64_t seed : {1u, 2u, 3u}) {
    const cv::Mat frame = random_frame(s.frame_h, s.frame_w, seed);
    const cv::Mat rows = s.crop_bottom ? frame.rowRange(s.crop_top, s.crop_bottom) : frame;
    cv::Mat expected;
    cv::resize(rows, expected, {s.width, s.height}, 0, 0, cv::INTER_LINEAR);
    const Preprocessing p{.crop_top = s.crop_top, .crop_bottom = s.crop_bottom, .resize = true};
    const auto actual = prepared(s, p, frame, Isa::reference);
    EXPECT_LE(largest_difference(actual, expected), 1);
    for (const Isa isa : supported_isas()) EXPECT_EQ(prepared(s, p, frame, isa), actual) << isa_name(isa);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, ResizeParity,
                         testing::Values(Sizes{640, 480, 200, 66}, Sizes{640, 480, 200, 66, 240, 480},
                                         Sizes{640, 480, 100, 50, 240, 480}, Sizes{320, 160, 200, 66, 60, 135},
                                         Sizes{64, 48, 64, 48}, Sizes{64, 48, 32, 24}, Sizes{31, 17, 93, 51},
                                         Sizes{31, 17, 64, 5}, Sizes{5, 5, 1, 1}, Sizes{1, 1, 9, 7}, Sizes{2, 3, 50, 2},
                                         Sizes{1280, 720, 199, 67, 3, 719}),
                         [](const auto& s) {
                           return std::to_string(s.param.frame_w) + "x" + std::to_string(s.param.frame_h) + "_to_" +
                                  std::to_string(s.param.width) + "x" + std::to_string(s.param.height) +
                                  (s.param.crop_bottom ? "_cropped" : "");
                         });

TEST(ColorParity, YuvWithinOneOfOpenCv) {
  const Sizes s{64, 48, 64, 48};
  const cv::Mat frame = random_frame(48, 64, 9);
  cv::Mat expected;
  cv::cvtColor(frame, expected, cv::COLOR_RGB2YUV);
  EXPECT_LE(largest_difference(prepared(s, {.color = ColorOrder::yuv}, frame, Isa::reference), expected), 1);
}

}  // namespace
}  // namespace slimpilot
