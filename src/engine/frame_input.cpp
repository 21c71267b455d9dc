// SPDX-License-Identifier: Apache-2.0
// From camera frames to a network's input, row by row.
#include "engine/frame_input.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"

namespace slimpilot {
namespace {

/// Where the sample for target index i falls between a source index and the next: OpenCV's INTER_LINEAR.
struct Sample {
  int first, next_weight;
};
Sample sample_at(int i, int source, int target) {
  const double position = (i + 0.5) * source / target - 0.5;
  const int first = std::clamp(static_cast<int>(std::floor(position)), 0, std::max(0, source - 2));
  const double rest = source > 1 ? std::clamp(position - first, 0.0, 1.0) : 0;
  return {first, static_cast<int>(std::lround(rest * kResizeOne))};
}

// One pixel; source and target may be the same.
void rgb_to_bgr(const uint8_t* rgb, uint8_t* bgr) {
  const uint8_t red = rgb[0], green = rgb[1], blue = rgb[2];
  bgr[0] = blue, bgr[1] = green, bgr[2] = red;
}

void rgb_to_yuv(const uint8_t* rgb, uint8_t* yuv) {
  const auto byte = [](float x) { return static_cast<uint8_t>(std::clamp(x, 0.0f, 255.0f) + 0.5f); };
  const float r = rgb[0], g = rgb[1], b = rgb[2], y = 0.299f * r + 0.587f * g + 0.114f * b;
  yuv[0] = byte(y), yuv[1] = byte(0.492f * (b - y) + 128), yuv[2] = byte(0.877f * (r - y) + 128);
}

/// A camera's frame comes from memory, and processors do not foresee that rows are left out. Into the second-level cache: what
/// is on its way to the first one is soon as much as can be.
void prefetch(const uint8_t* bytes, size_t count) {
  for (size_t i = 0; i < count; i += 64) __builtin_prefetch(bytes + i, 0, 2);
}

std::string size_text(int h, int w) { return std::to_string(w) + "x" + std::to_string(h); }

}  // namespace

FrameInput::FrameInput(const Preprocessing& preprocessing, const TensorView& input, int frame_h, int frame_w, Isa isa)
    : preprocessing_(preprocessing),
      input_(input),
      images_(required_images(input.shape)),
      frames_back_(slimpilot::frames_back(preprocessing, images_)),
      kernels_(&kernels(isa)),
      frame_w_(frame_w) {
  if (frame_h < 1 || frame_w < 1) throw Error("frames of " + size_text(frame_h, frame_w) + " hold no pixel");
  Preprocessing& p = preprocessing_;
  if (p.crop_top == 0 && p.crop_bottom == 0) p.crop_bottom = frame_h;
  if (p.crop_top < 0 || p.crop_bottom > frame_h || p.crop_top >= p.crop_bottom)
    throw Error("the model keeps rows " + std::to_string(p.crop_top) + ":" + std::to_string(p.crop_bottom) +
                ", but the frames have " + std::to_string(frame_h) +
                " rows; give the rows to keep with --crop TOP:BOTTOM (0:0 keeps all)");
  const int rows = p.crop_bottom - p.crop_top, height = images_.height, width = images_.width;
  if (!p.resize && (rows != height || frame_w != width))
    throw Error("the network wants images of " + size_text(height, width) + ", the frames are " + size_text(rows, frame_w) +
                "; scale them with --resize " + size_text(height, width));
  count_ = width * 3, has_its_size_ = rows == height && frame_w == width;
  set_rows(rows, height);
  set_columns(frame_w, width);
  set_numbers(width);
  row_.resize(static_cast<size_t>(count_) + 64);
  resize_scratch_.resize(static_cast<size_t>(resize_scratch_bytes(count_)));
  if (sees_one_frame()) return;
  kept_ = static_cast<size_t>(*std::ranges::max_element(frames_back_)) + 1;
  history_.resize(kept_ * image_bytes());
}

void FrameInput::set_rows(int rows, int height) {
  for (int y = 0; y < height; ++y) {
    const Sample s = sample_at(y, rows, height);
    const int above = preprocessing_.crop_top + s.first;
    rows_.push_back({above, rows > 1 ? above + 1 : above, s.next_weight});
  }
}

void FrameInput::set_columns(int frame_w, int width) {
  for (int x = 0; x < width; ++x) {
    const Sample s = sample_at(x, frame_w, width);
    for (int c = 0; c < 3; ++c) left_.push_back(s.first * 3 + c), right_weight_.push_back(s.next_weight);
  }
  for (int i = 0; i < count_; i += 3) {
    const auto left = [&](int byte) { return left_[static_cast<size_t>(byte)]; };
    const bool goes_on =
        !groups_.empty() && i + 3 - groups_.back() <= kResizeGroup && left(i) + 6 - left(groups_.back()) <= kResizeSpan;
    if (!goes_on) groups_.push_back(i);
  }
  groups_.push_back(count_);
  left_.resize(left_.size() + kResizeGroup);  // kernels read whole groups
  right_weight_.resize(left_.size());
}

void FrameInput::set_numbers(int width) {
  const float *scale = preprocessing_.scale, *offset = preprocessing_.offset;
  for (int x = 0; x < width; ++x) {
    scale_.insert(scale_.end(), scale, scale + 3);
    offset_.insert(offset_.end(), offset, offset + 3);
  }
  real_row_.resize(scale_.size() + 64);
  if (input_.type != ElementType::s8) return;
  const QuantizeArgs quantize{1, input_.quantization.scale[0], input_.quantization.zero_point[0]};
  for (size_t c = 0; c < 3; ++c)
    for (int place = 0; place < 256; ++place) {
      const int byte = place ^ 128;  // as int8 it is place − 128
      const float real = static_cast<float>(byte) * scale[c] + offset[c];
      int8_t integer = 0;
      reference::quantize.f32_to_s8(quantize, {{&real, nullptr}, &integer, nullptr});
      table_.push_back(integer);
    }
  const auto is_first = [&](size_t c) { return std::equal(table_.begin(), table_.begin() + 256, table_.begin() + c * 256); };
  if (is_first(1) && is_first(2)) table_.resize(256);
}

const uint8_t* FrameInput::resized_row(const uint8_t* frame, size_t y) noexcept {
  const size_t pitch = static_cast<size_t>(frame_w_) * 3;
  if (has_its_size_) return frame + (static_cast<size_t>(preprocessing_.crop_top) + y) * pitch;
  const uint8_t* above = frame + static_cast<size_t>(rows_[y].above) * pitch;
  const uint8_t* below = frame + static_cast<size_t>(rows_[y].below) * pitch;
  const int groups = static_cast<int>(groups_.size()) - 1;
  const int next = frame_w_ > 1 ? 3 : 0;
  const ResizeRowArgs args{frame_w_ * 3,          count_, next,          left_.data(), right_weight_.data(),
                           rows_[y].below_weight, groups, groups_.data()};
  if (y + 1 < rows_.size()) prefetch(frame + static_cast<size_t>(rows_[y + 1].above) * pitch, 2 * pitch);
  kernels_->preprocess.resize_row(args, {{above, below}, row_.data(), resize_scratch_.data()});
  return row_.data();
}

/// In row_, unless the colours are the camera's.
const uint8_t* FrameInput::with_colors(const uint8_t* row) noexcept {
  if (preprocessing_.color == ColorOrder::rgb) return row;
  const auto convert = preprocessing_.color == ColorOrder::bgr ? rgb_to_bgr : rgb_to_yuv;
  for (size_t i = 0; i < static_cast<size_t>(count_); i += 3) convert(row + i, row_.data() + i);
  return row_.data();
}

void FrameInput::store_row(const uint8_t* row, std::byte* target) noexcept {
  if (input_.type == ElementType::s8) {
    const LookupArgs args{count_, static_cast<int>(table_.size() / 256), table_.data()};
    return kernels_->elementwise.lookup_s8(args, {{row, nullptr}, target, nullptr});
  }
  const NormalizeRowArgs args{count_, scale_.data(), offset_.data()};
  if (input_.type == ElementType::f32) return kernels_->preprocess.normalize_row(args, {{row, nullptr}, target, nullptr});
  kernels_->preprocess.normalize_row(args, {{row, nullptr}, real_row_.data(), nullptr});
  const QuantizeArgs quantize{count_, input_.quantization.scale[0], input_.quantization.zero_point[0]};
  kernels_->quantize.f32_to_s16(quantize, {{real_row_.data(), nullptr}, target, nullptr});
}

void FrameInput::prepare_image(std::span<const uint8_t> frame, std::span<std::byte> image) noexcept {
  const size_t row_bytes = static_cast<size_t>(count_) * element_size(input_.type);
  for (size_t y = 0; y < rows_.size(); ++y) store_row(with_colors(resized_row(frame.data(), y)), image.data() + y * row_bytes);
}

void FrameInput::place_image(std::span<const std::byte> image, size_t i, std::span<std::byte> target) const noexcept {
  if (!images_.stacked) {
    std::memcpy(target.data() + i * image.size(), image.data(), image.size());
    return;
  }
  const size_t pixel = 3 * element_size(input_.type), pitch = pixel * frames_back_.size();
  const std::byte* from = image.data();
  for (std::byte* to = target.data() + i * pixel; from < image.data() + image.size(); from += pixel, to += pitch)
    std::memcpy(to, from, pixel);
}

void FrameInput::prepare(std::span<const uint8_t> frame, std::span<std::byte> target) noexcept {
  if (sees_one_frame()) return prepare_image(frame, target);
  const auto image = [&](size_t number) { return std::span(history_).subspan(number % kept_ * image_bytes(), image_bytes()); };
  prepare_image(frame, image(seen_));
  for (size_t i = 0; i < frames_back_.size(); ++i)
    place_image(image(seen_ - std::min(seen_, static_cast<size_t>(frames_back_[i]))), i, target);
  ++seen_;
}

}  // namespace slimpilot
