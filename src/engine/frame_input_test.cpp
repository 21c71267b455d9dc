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
  for (const auto& [h, w, input_h, input_w] : {std::array{480, 640, 66, 200},
                                               {480, 640, 50, 100},
                                               {30, 640, 9, 7},
                                               {7, 9, 20, 31},
                                               {5, 2, 3, 4},
                                               {4, 1, 3, 30},
                                               {41, 3, 1, 1},
                                               {66, 200, 66, 200}}) {
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

/// Frames of one colour each; a byte of the input then says which frame it is from.
std::vector<uint8_t> plain_frame(int h, int w, uint8_t color) {
  return std::vector<uint8_t>(static_cast<size_t>(h) * static_cast<size_t>(w) * 3, color);
}

/// The colours of the input's images after each of the frames 1, 2, … of a drive.
std::vector<std::vector<int>> images_seen(const Preprocessing& p, const Shape& shape, int frames) {
  FrameInput input(p, {.name = "image", .shape = shape}, 2, 4, Isa::reference);
  std::vector<float> target(static_cast<size_t>(element_count(shape)));
  const bool stacked = shape.size() == 4;
  const size_t count = input.frames_back().size();
  std::vector<std::vector<int>> seen;
  for (int f = 1; f <= frames; ++f) {
    input.prepare(plain_frame(2, 4, static_cast<uint8_t>(f)), std::as_writable_bytes(std::span(target)));
    std::vector<int> images(count);
    for (size_t i = 0; i < target.size(); ++i) {
      const size_t image = stacked ? i / 3 % count : i / (2 * 4 * 3);
      if (images[image] == 0) images[image] = static_cast<int>(target[i]);
      EXPECT_EQ(images[image], target[i]) << "element " << i;
    }
    seen.push_back(images);
  }
  return seen;
}

TEST(FrameInput, SeveralImagesAreConsecutiveFrames) {
  const std::vector<std::vector<int>> three{{1, 1, 1}, {1, 1, 2}, {1, 2, 3}, {2, 3, 4}, {3, 4, 5}};
  EXPECT_EQ(images_seen({}, {1, 3, 2, 4, 3}, 5), three);
  EXPECT_EQ(images_seen({}, {1, 2, 4, 9}, 5), three);
  EXPECT_EQ(images_seen({}, {1, 2, 4, 6}, 3), (std::vector<std::vector<int>>{{1, 1}, {1, 2}, {2, 3}}));
}

TEST(FrameInput, PreprocessingChoosesTheFrames) {
  const std::vector<std::vector<int>> expected{{1, 1, 1}, {2, 1, 1}, {3, 1, 1}, {4, 2, 1}, {5, 3, 2}};
  EXPECT_EQ(images_seen({.frames_back = {0, 2, 3}}, {1, 3, 2, 4, 3}, 5), expected);
  EXPECT_EQ(images_seen({.frames_back = {2}}, {1, 2, 4, 3}, 4), (std::vector<std::vector<int>>{{1}, {1}, {1}, {2}}));
}

TEST(FrameInput, ForgetsADrive) {
  FrameInput input({}, {.name = "image", .shape = {1, 2, 4, 6}}, 2, 4, Isa::reference);
  std::vector<float> target(48);
  const auto bytes = std::as_writable_bytes(std::span(target));
  input.prepare(plain_frame(2, 4, 1), bytes);
  input.forget();
  input.prepare(plain_frame(2, 4, 7), bytes);
  EXPECT_EQ(target, std::vector<float>(48, 7));
}

/// Each image is what a network of one image gets, in every type and place.
TEST(FrameInput, ImagesOfSeveralAreThoseOfOne) {
  const Preprocessing p{.resize = true, .color = ColorOrder::bgr, .scale = {.01f, .02f, .015f}, .offset = {-1, 0, .5f}};
  for (const ElementType type : {ElementType::s8, ElementType::s16}) {
    TensorView one{.name = "image", .shape = {1, 5, 7, 3}, .type = type, .quantization = {{.0201f}, {3}}};
    if (type == ElementType::s16) one.quantization.zero_point = {0};
    TensorView stack = one, sequence = one;
    stack.shape = {1, 5, 7, 6}, sequence.shape = {1, 2, 5, 7, 3};
    const size_t pixel = 3 * element_size(type), bytes = one.bytes();
    FrameInput for_one(p, one, 9, 11, Isa::reference), stacked(p, stack, 9, 11, Isa::reference);
    FrameInput as_sequence(p, sequence, 9, 11, Isa::reference);
    std::vector<std::byte> before, now(bytes), a(2 * bytes), b(2 * bytes);
    for (uint64_t f = 1; f <= 2; ++f) {
      const auto frame = random_frame(9, 11, f);
      before = now;
      for_one.prepare(frame, now), stacked.prepare(frame, a), as_sequence.prepare(frame, b);
    }
    EXPECT_TRUE(std::equal(before.begin(), before.end(), b.begin()) && std::equal(now.begin(), now.end(), b.begin() + bytes));
    for (size_t i = 0; i < bytes; ++i) {
      const size_t place = i / pixel * 2 * pixel + i % pixel;
      ASSERT_EQ(a[place], before[i]);
      ASSERT_EQ(a[place + pixel], now[i]);
    }
  }
}

}  // namespace
}  // namespace slimpilot
