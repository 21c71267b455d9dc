// SPDX-License-Identifier: Apache-2.0
// Augmentation with OpenCV.
#include "data/augment.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "host/args.h"

namespace slimpilot {
namespace {

struct NamedAugmentation {
  const char* name;
  Augmentation augmentation;
};
constexpr NamedAugmentation kNames[] = {
    {"brightness", Augmentation::brightness}, {"contrast", Augmentation::contrast}, {"hue", Augmentation::hue},
    {"gamma", Augmentation::gamma},           {"blur", Augmentation::blur},         {"shift", Augmentation::shift},
};

void map_values(cv::Mat& picture, auto&& function) {
  std::array<uint8_t, 256> table;
  for (int i = 0; i < 256; ++i)
    table[static_cast<size_t>(i)] = static_cast<uint8_t>(std::lround(std::clamp(function(static_cast<double>(i)), 0.0, 255.0)));
  uint8_t* pixels = picture.data;
  for (size_t i = 0; i < picture.total() * 3; ++i) pixels[i] = table[pixels[i]];
}

void change_contrast(cv::Mat& picture, double factor) {
  const cv::Scalar sums = cv::sum(picture);
  const double mean = (sums[0] + sums[1] + sums[2]) / (3.0 * static_cast<double>(picture.total()));
  map_values(picture, [&](double x) { return mean + (x - mean) * factor; });
}

/// OpenCV's 8-bit hue counts in steps of two degrees.
void turn_hue(cv::Mat& picture, int steps) {
  cv::Mat hsv;
  cv::cvtColor(picture, hsv, cv::COLOR_RGB2HSV);
  uint8_t* pixels = hsv.data;
  for (size_t i = 0; i < hsv.total() * 3; i += 3) pixels[i] = static_cast<uint8_t>((pixels[i] + steps + 180) % 180);
  cv::cvtColor(hsv, picture, cv::COLOR_HSV2RGB);
}

void shift(cv::Mat& picture, double right, double down) {
  const cv::Mat moved = (cv::Mat_<double>(2, 3) << 1, 0, right, 0, 1, down);
  cv::Mat result;
  cv::warpAffine(picture, result, moved, picture.size(), cv::INTER_LINEAR, cv::BORDER_REPLICATE);
  result.copyTo(picture);
}

void blur(cv::Mat& picture, double sigma) {
  cv::Mat result;
  cv::GaussianBlur(picture, result, {0, 0}, sigma);
  result.copyTo(picture);
}

void apply(Augmentation augmentation, cv::Mat& picture, Random& random) {
  switch (augmentation) {
    case Augmentation::brightness: {
      const double added = random.uniform(-50, 50);
      return map_values(picture, [&](double x) { return x + added; });
    }
    case Augmentation::contrast: return change_contrast(picture, random.uniform(.6, 1.4));
    case Augmentation::hue: return turn_hue(picture, static_cast<int>(random.below(15)) - 7);
    case Augmentation::gamma: {
      const double gamma = std::exp(random.uniform(-.51, .51));
      return map_values(picture, [&](double x) { return 255 * std::pow(x / 255, gamma); });
    }
    case Augmentation::blur: return blur(picture, random.uniform(.3, 1.2));
    case Augmentation::shift: {
      const double right = random.uniform(-.02, .02), down = random.uniform(-.05, .05);
      return shift(picture, right * picture.cols, down * picture.rows);
    }
  }
}

}  // namespace

std::vector<Augmentation> parse_augmentations(const std::vector<std::string>& names) {
  std::vector<bool> wanted(std::size(kNames));
  for (const std::string& name : names) {
    if (name == "none") continue;
    bool known = name == "all";
    for (size_t i = 0; i < wanted.size(); ++i) {
      const bool by_all = name == "all" && kNames[i].augmentation != Augmentation::shift;
      if (by_all || name == kNames[i].name) known = wanted[i] = true;
    }
    if (!known)
      throw UsageError("--augment " + name + " is none of brightness, contrast, hue, gamma, blur, shift, all or none");
  }
  std::vector<Augmentation> result;
  for (size_t i = 0; i < wanted.size(); ++i)
    if (wanted[i]) result.push_back(kNames[i].augmentation);
  return result;
}

void augment(std::span<uint8_t> rgb, int height, std::span<const Augmentation> augmentations, Random& random) {
  cv::Mat picture(height, static_cast<int>(rgb.size()) / height / 3, CV_8UC3, rgb.data());
  for (const Augmentation augmentation : augmentations)
    if (random.uniform() < .5) apply(augmentation, picture, random);
}

void mirror(std::span<uint8_t> rgb, int height) {
  const size_t pitch = rgb.size() / static_cast<size_t>(height);
  for (size_t row = 0; row < rgb.size(); row += pitch)
    for (size_t left = row, right = row + pitch - 3; left < right; left += 3, right -= 3)
      std::swap_ranges(&rgb[left], &rgb[left] + 3, &rgb[right]);
}

}  // namespace slimpilot
