// SPDX-License-Identifier: Apache-2.0
// From a camera frame to a network's input, row by row.
#include "engine/frame_input.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"

namespace slimpilot {
namespace {

/// Where the sample for target index i falls between source indices: OpenCV's INTER_LINEAR.
struct Sample {
  int first, second, second_weight;
};
Sample sample_at(int i, int source, int target) {
  const double position = (i + 0.5) * source / target - 0.5;
  const int first = std::clamp(static_cast<int>(std::floor(position)), 0, source - 1);
  const double rest = std::clamp(position - first, 0.0, 1.0);
  return {first, std::min(first + 1, source - 1), static_cast<int>(std::lround(rest * kResizeOne))};
}

std::string size_text(int h, int w) { return std::to_string(w) + "x" + std::to_string(h); }

}  // namespace

FrameInput::FrameInput(const Preprocessing& preprocessing, const TensorView& input, int frame_h, int frame_w, Isa isa)
    : preprocessing_(preprocessing), input_(input), kernels_(&kernels(isa)), frame_w_(frame_w) {
  if (input.shape.size() != 4 || input.shape[3] != 3)
    throw Error("the network's input is " + shape_text(input.shape) +
                "; only images of three channels can be made from camera frames");
  if (frame_h < 1 || frame_w < 1) throw Error("frames of " + size_text(frame_h, frame_w) + " hold no pixel");
  Preprocessing& p = preprocessing_;
  if (p.crop_top == 0 && p.crop_bottom == 0) p.crop_bottom = frame_h;
  if (p.crop_top < 0 || p.crop_bottom > frame_h || p.crop_top >= p.crop_bottom)
    throw Error("the model keeps rows " + std::to_string(p.crop_top) + ":" + std::to_string(p.crop_bottom) +
                ", but the frames have " + std::to_string(frame_h) +
                " rows; give the rows to keep with --crop TOP:BOTTOM (0:0 keeps all)");
  const int rows = p.crop_bottom - p.crop_top, height = input.shape[1], width = input.shape[2];
  if (!p.resize && (rows != height || frame_w != width))
    throw Error("the network wants images of " + size_text(height, width) + ", the frames are " + size_text(rows, frame_w) +
                "; scale them with --resize " + size_text(height, width));
  set_rows(rows, height);
  set_columns(frame_w, width);
  blended_.resize(static_cast<size_t>(frame_w) * 3);
  row_.resize(static_cast<size_t>(width) * 3 + 64);
  real_row_.resize(row_.size());
}

void FrameInput::set_rows(int rows, int height) {
  for (int y = 0; y < height; ++y) {
    const Sample s = sample_at(y, rows, height);
    rows_.push_back({preprocessing_.crop_top + s.first, preprocessing_.crop_top + s.second, s.second_weight});
  }
}

void FrameInput::set_columns(int frame_w, int width) {
  for (int x = 0; x < width; ++x) {
    const Sample s = sample_at(x, frame_w, width);
    for (int c = 0; c < 3; ++c) {
      const int channel = preprocessing_.color == ColorOrder::bgr ? 2 - c : c;
      left_.push_back(s.first * 3 + channel);
      right_.push_back(s.second * 3 + channel);
      right_weight_.push_back(s.second_weight);
    }
  }
}

void FrameInput::convert_colors() noexcept {
  const auto byte = [](float x) { return static_cast<uint8_t>(std::clamp(std::lround(x), 0L, 255L)); };
  for (size_t i = 0; i + 3 <= left_.size(); i += 3) {
    const float r = row_[i], g = row_[i + 1], b = row_[i + 2];
    const float y = 0.299f * r + 0.587f * g + 0.114f * b;
    row_[i] = byte(y);
    row_[i + 1] = byte(0.492f * (b - y) + 128);
    row_[i + 2] = byte(0.877f * (r - y) + 128);
  }
}

void FrameInput::store_row(std::byte* target) noexcept {
  const size_t count = left_.size();
  const float *scale = preprocessing_.scale, *offset = preprocessing_.offset;
  for (size_t i = 0; i < count; i += 3)
    for (size_t c = 0; c < 3; ++c) real_row_[i + c] = static_cast<float>(row_[i + c]) * scale[c] + offset[c];
  if (input_.type == ElementType::f32) {
    std::memcpy(target, real_row_.data(), count * sizeof(float));
    return;
  }
  const QuantizeArgs args{static_cast<int64_t>(count), input_.quantization.scale[0], input_.quantization.zero_point[0]};
  const auto quantize = input_.type == ElementType::s8 ? kernels_->quantize.f32_to_s8 : kernels_->quantize.f32_to_s16;
  quantize(args, {{real_row_.data(), nullptr}, target, nullptr});
}

void FrameInput::prepare(std::span<const uint8_t> frame, std::span<std::byte> target) noexcept {
  ResizeRowArgs args{
      static_cast<int>(blended_.size()), static_cast<int>(left_.size()), left_.data(), right_.data(), right_weight_.data(), 0};
  const size_t pitch = static_cast<size_t>(frame_w_) * 3, row_bytes = left_.size() * element_size(input_.type);
  for (size_t y = 0; y < rows_.size(); ++y) {
    args.below_weight = rows_[y].below_weight;
    const uint8_t* above = frame.data() + static_cast<size_t>(rows_[y].above) * pitch;
    const uint8_t* below = frame.data() + static_cast<size_t>(rows_[y].below) * pitch;
    kernels_->resize_row(args, {{above, below}, row_.data(), blended_.data()});
    if (preprocessing_.color == ColorOrder::yuv) convert_colors();
    store_row(target.data() + y * row_bytes);
  }
}

}  // namespace slimpilot
