// SPDX-License-Identifier: Apache-2.0
// From frames to inputs: colours, scaling, integers, crops, instruction sets, and what cannot be done. That the resize equals
// OpenCV's is tested in tests/resize_parity_test.cpp, since the engine knows no OpenCV.
#include "engine/frame_input.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/random.h"

namespace slimpilot {
namespace {

std::vector<uint8_t> random_frame(int h, int w, uint64_t seed = 1) {
  Random random(seed);
  std::vector<uint8_t> pixels(static_cast<size_t>(h) * static_cast<size_t>(w) * 3);
  for (uint8_t& p : pixels) p = static_cast<uint8_t>(random.below(256));
  return pixels;
}

TensorView real_input(int h, int w) { return {.name = "image", .shape = {1, h, w, 3}}; }

template <class T = float>
std::vector<T> prepared(const Preprocessing& p, const TensorView& input, const std::vector<uint8_t>& frame, int h, int w,
                        Isa isa = Isa::reference) {
  std::vector<T> target(static_cast<size_t>(element_count(input.shape)));
  FrameInput(p, input, h, w, isa).prepare(frame, std::as_writable_bytes(std::span(target)));
  return target;
}

TEST(FrameInput, CopiesWhatHasTheSize) {
  const auto frame = random_frame(5, 7);
  const auto result = prepared({}, real_input(5, 7), frame, 5, 7);
  for (size_t i = 0; i < frame.size(); ++i) EXPECT_EQ(result[i], static_cast<float>(frame[i]));
}

TEST(FrameInput, CropsRows) {
  const auto frame = random_frame(9, 7);
  const auto result = prepared({.crop_top = 3, .crop_bottom = 8}, real_input(5, 7), frame, 9, 7);
  for (size_t i = 0; i < result.size(); ++i) EXPECT_EQ(result[i], static_cast<float>(frame[3 * 7 * 3 + i]));
}

TEST(FrameInput, Bgr) {
  const auto frame = random_frame(4, 4);
  const auto result = prepared({.color = ColorOrder::bgr}, real_input(4, 4), frame, 4, 4);
  for (size_t i = 0; i < frame.size(); i += 3)
    for (size_t c = 0; c < 3; ++c) EXPECT_EQ(result[i + c], static_cast<float>(frame[i + 2 - c]));
}

/// OpenCV's RGB2YUV of some colours; within one, since it computes with 14 bits.
TEST(FrameInput, Yuv) {
  const std::vector<uint8_t> frame{255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 200, 100, 50};
  const float expected[] = {76, 91, 255, 150, 54, 0, 29, 239, 103, 255, 128, 128, 0, 128, 128, 124, 91, 195};
  const auto result = prepared({.color = ColorOrder::yuv}, real_input(1, 6), frame, 1, 6);
  for (size_t i = 0; i < frame.size(); ++i) EXPECT_NEAR(result[i], expected[i], 1) << i;
}

TEST(FrameInput, ScalesPerChannel) {
  const auto frame = random_frame(4, 5);
  const Preprocessing p{.scale = {.5f, 1.0f / 255, 2}, .offset = {1, -.5f, 0}};
  const auto result = prepared(p, real_input(4, 5), frame, 4, 5);
  for (size_t i = 0; i < frame.size(); ++i)
    EXPECT_EQ(result[i], static_cast<float>(frame[i]) * p.scale[i % 3] + p.offset[i % 3]);
}

Preprocessing awkward(ColorOrder color) {
  return {.crop_top = 5,
          .crop_bottom = 40,
          .resize = true,
          .color = color,
          .scale = {1.0f / 255, 1.0f / 255, .01f},
          .offset = {-.5f, 0, .1f}};
}

/// Integers are the quantized floats: round(x / scale) + zero point, limited.
TEST(FrameInput, IntegersAreTheQuantizedFloats) {
  const auto frame = random_frame(48, 64);
  for (const ColorOrder color : {ColorOrder::rgb, ColorOrder::bgr, ColorOrder::yuv}) {
    const auto real = prepared(awkward(color), real_input(17, 23), frame, 48, 64);
    TensorView s8 = real_input(17, 23), s16 = s8;
    s8.type = ElementType::s8, s8.quantization = {{.01f}, {3}, -1};
    s16.type = ElementType::s16, s16.quantization = {{.0001f}, {0}, -1};
    for (const Isa isa : supported_isas()) {
      const auto bytes = prepared<int8_t>(awkward(color), s8, frame, 48, 64, isa);
      const auto words = prepared<int16_t>(awkward(color), s16, frame, 48, 64, isa);
      for (size_t i = 0; i < real.size(); ++i) {
        ASSERT_EQ(bytes[i], std::clamp(std::round(real[i] / .01f) + 3, -128.0f, 127.0f)) << i << isa_name(isa);
        ASSERT_EQ(words[i], std::clamp(std::round(real[i] / .0001f), -32768.0f, 32767.0f)) << i << isa_name(isa);
      }
    }
  }
}

TEST(FrameInput, EveryIsaGivesTheSameBits) {
  for (const auto& [h, w, input_h, input_w] :
       {std::array{480, 640, 66, 200}, {7, 9, 20, 31}, {41, 3, 1, 1}, {66, 200, 66, 200}}) {
    const auto frame = random_frame(h, w);
    const Preprocessing p{.resize = true, .color = ColorOrder::bgr};
    const auto expected = prepared(p, real_input(input_h, input_w), frame, h, w);
    for (const Isa isa : supported_isas())
      EXPECT_EQ(prepared(p, real_input(input_h, input_w), frame, h, w, isa), expected) << isa_name(isa);
  }
}

std::string message_of(const Preprocessing& p, const TensorView& input, int h, int w) {
  try {
    FrameInput(p, input, h, w, Isa::reference);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(FrameInput, ErrorsSayWhichOptionHelps) {
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  const std::string size = message_of({}, real_input(66, 200), 480, 640);
  EXPECT_EQ(size, "the network wants images of 200x66, the frames are 640x480; scale them with --resize 200x66");
  const std::string crop = message_of({.crop_top = 240, .crop_bottom = 480, .resize = true}, real_input(66, 200), 160, 320);
  EXPECT_TRUE(has(crop, "240:480") && has(crop, "160 rows") && has(crop, "--crop TOP:BOTTOM")) << crop;
  EXPECT_TRUE(has(message_of({.crop_top = 50, .crop_bottom = 50}, real_input(66, 200), 160, 320), "--crop"));
  EXPECT_TRUE(has(message_of({.crop_top = -1, .crop_bottom = 50}, real_input(66, 200), 160, 320), "--crop"));
  EXPECT_TRUE(has(message_of({}, {.name = "x", .shape = {1, 10}}, 5, 5), "1x10"));
  EXPECT_TRUE(has(message_of({}, {.name = "x", .shape = {1, 5, 5, 1}}, 5, 5), "three channels"));
  EXPECT_EQ(message_of({.resize = true}, real_input(66, 200), 480, 0), "frames of 0x480 hold no pixel");
}

}  // namespace
}  // namespace slimpilot
