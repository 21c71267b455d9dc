// SPDX-License-Identifier: Apache-2.0
#include "report/overlay.h"

#include <fmt/format.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>

namespace slimpilot {

void draw_commands(Image& frame, const Command& command, double time_s) {
  cv::Mat picture(frame.height, frame.width, CV_8UC3, frame.pixels.data());
  const int middle = frame.width / 2;
  const auto turn = static_cast<int>(std::clamp(-command.w / 7.1, -1.0, 1.0) * middle * 0.6);
  cv::rectangle(picture, {middle, 40}, {middle + turn, 52}, {255, 210, 0}, cv::FILLED);
  cv::line(picture, {middle, 34}, {middle, 58}, {20, 20, 20}, 2);
  const auto speed = static_cast<int>(std::clamp(command.v / 24, 0.0, 1.0) * 200);
  cv::rectangle(picture, {20, 230}, {32, 230 - speed}, {0, 150, 255}, cv::FILLED);
  cv::putText(picture, fmt::format("{:6.2f} s   v {:5.2f} m/s   w {:+5.2f} rad/s", time_s, command.v, command.w), {20, 24},
              cv::FONT_HERSHEY_SIMPLEX, 0.55, {20, 20, 20}, 1, cv::LINE_AA);
}

}  // namespace slimpilot
