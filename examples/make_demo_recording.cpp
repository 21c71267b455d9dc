// SPDX-License-Identifier: Apache-2.0
// make_demo_recording FOLDER [FRAMES]: draws a short drive in DeepLearningStudio's Formula 1 format: sky, grass, a grey road
// with a red line whose curvature is the label w. No simulator: pictures with something to see, so that calibration and
// measurements have input.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numbers>

#include "base/random.h"
#include "data/formula1_writer.h"

namespace {

using namespace slimpilot;

constexpr int kHeight = 480, kWidth = 640, kHorizon = 200;
constexpr double kFramesPerSecond = 10;

struct Color {
  int red, green, blue;
};

/// The ground at `ahead` metres, `side` metres right of the camera; the road bends by side = offset − curvature·ahead²/2.
Color ground(double ahead, double side, double offset, double curvature, int frame) {
  const double from_line = std::abs(side - offset + curvature * ahead * ahead / 2);
  if (from_line < 0.15) return {200, 25, 25};
  if (from_line < 3.5) return {105, 105, 110};
  const bool stripe = static_cast<int>(std::floor((ahead + 0.8 * frame) / 4)) % 2 == 0;
  return stripe ? Color{60, 140, 50} : Color{50, 120, 45};
}

/// A pinhole camera 1 m above the ground that looks ahead; the noise of a cheap sensor.
Image draw(double offset, double curvature, int frame, Random& random) {
  constexpr double kFocal = 320;
  Image image{.height = kHeight, .width = kWidth, .pixels = {}};
  image.pixels.reserve(size_t{kHeight} * kWidth * 3);
  for (int y = 0; y < kHeight; ++y)
    for (int x = 0; x < kWidth; ++x) {
      Color color{130 + y / 4, 170 + y / 5, 225};
      if (y >= kHorizon) {
        const double ahead = kFocal / (y - kHorizon + 0.5);
        color = ground(ahead, (x - kWidth / 2 + 0.5) * ahead / kFocal, offset, curvature, frame);
      }
      const int noise = static_cast<int>(random.below(9)) - 4;
      for (const int value : {color.red, color.green, color.blue}) image.pixels.push_back(static_cast<uint8_t>(value + noise));
    }
  return image;
}

void record(const char* folder, int frames) {
  Formula1Writer writer(folder);
  Random random(1);
  for (int i = 0; i < frames; ++i) {
    const double phase = 2 * std::numbers::pi * i / 40;
    const double curvature = 0.12 * std::sin(phase) + 0.04 * std::sin(2.7 * phase);  // 1/m, + = left
    const double offset = 0.5 * std::sin(1.3 * phase + 1);                           // of the line, m to the right
    const double v = 6.5 + 17.5 / (1 + 40 * std::abs(curvature));                    // m/s, slower in bends
    const double w = v * curvature - 0.6 * offset;  // rad/s: follows the bend, goes back to the line
    writer.add(draw(offset, curvature, i, random), static_cast<float>(v), static_cast<float>(w), i / kFramesPerSecond);
  }
  writer.finish();
}

}  // namespace

int main(int argc, char** argv) {
  const int frames = argc > 2 ? std::atoi(argv[2]) : 60;
  if (argc < 2 || argc > 3 || frames < 2) {
    std::fprintf(stderr, "usage: make_demo_recording FOLDER [FRAMES]\n");
    return 2;
  }
  try {
    record(argv[1], frames);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "make_demo_recording: %s\n", e.what());
    return 1;
  }
}
