// SPDX-License-Identifier: Apache-2.0
// Rows 230:480 are blurred (27×27 Gaussian); what is saturated enough in HSV belongs to the line. Three points of it, at the
// first row that has any and at rows 124 and 62, say where the line goes and whether it bends. Only the rows that are looked at
// are blurred.
#include "sim/expert.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "base/error.h"

namespace slimpilot {
namespace {

constexpr int kRows = 250, kWidth = 640;
constexpr int kBlur = 27, kLeastSaturation = 110, kLeastValue = 15;

/// S = 255·(max − min)/max, rounded, as 8-bit HSV has it.
bool is_line(const uint8_t* pixel) {
  const int most = std::max({pixel[0], pixel[1], pixel[2]}), least = std::min({pixel[0], pixel[1], pixel[2]});
  return most >= kLeastValue && 2 * 255 * (most - least) >= (2 * kLeastSaturation - 1) * most;
}

/// The middle between the leftmost and the rightmost pixel of the line; −1 without one.
int middle_of_line(const cv::Mat& row) {
  int left = 0, right = kWidth - 1;
  const uint8_t* pixels = row.ptr<uint8_t>(0);
  while (left < kWidth && !is_line(pixels + 3 * left)) ++left;
  if (left == kWidth) return -1;
  while (!is_line(pixels + 3 * right)) --right;
  return (left + right) / 2;
}

struct LinePoint {
  int row = 0, column = 0;  // column 0: no line in the row
};

LinePoint point_at(const cv::Mat& picture, int row) {
  cv::Mat blurred;
  cv::GaussianBlur(picture.rowRange(row, row + 1), blurred, {kBlur, kBlur}, 0);
  return {row, std::max(middle_of_line(blurred), 0)};
}

LinePoint first_point(const cv::Mat& picture) {
  constexpr int kBand = 10;
  cv::Mat blurred;
  for (int first = 0; first < kRows; first += kBand) {
    cv::GaussianBlur(picture.rowRange(first, first + kBand), blurred, {kBlur, kBlur}, 0);
    for (int row = 0; row < kBand; ++row)
      if (const int column = middle_of_line(blurred.row(row)); column >= 0) return {first + row, column};
  }
  return {};
}

}  // namespace

Command Expert::operator()(const Image& frame) {
  check(frame.width == kWidth && frame.height == kFirstRow + kRows);
  const cv::Mat picture(kRows, kWidth, CV_8UC3, const_cast<uint8_t*>(&frame.pixels[size_t{kFirstRow} * kWidth * 3]));
  const LinePoint p1 = first_point(picture), p2 = point_at(picture, 124), p3 = point_at(picture, 62);
  const int bend = std::abs((p1.column - p2.column) * (p1.row - p3.row) - (p1.column - p3.column) * (p1.row - p2.row));
  straight_frames_ = bend > 500 ? 0 : straight_frames_ + 1;
  if (bend > 500) curve_ = true;
  if (straight_frames_ >= 25) curve_ = false;

  const double error = kWidth / 2 - p1.column, change = error - error_;
  error_ = error;
  if (curve_) {
    throttle_ = 2;
    return {7, 0.011 * error + 0.011 * change};
  }
  throttle_ = std::min(throttle_ + 0.3, top_speed_ / 4);
  return {4 * throttle_, 0.001 * error + 0.004 * change};
}

}  // namespace slimpilot
