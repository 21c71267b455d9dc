// SPDX-License-Identifier: Apache-2.0
// From camera frames to a network's input, as the graph's Preprocessing says. A network that sees several frames at once gets
// them from those that came before (graph/input_images.h).
#pragma once

#include <span>
#include <vector>

#include "engine/plan.h"
#include "graph/input_images.h"

namespace slimpilot {

/// Tables and buffers for frames of one size, and the frames that later inputs still need. Belongs to one thread at a time.
class FrameInput {
 public:
  /// Throws Error when frames of `frame_h` × `frame_w` cannot become the input (empty, wrong size without resize, crop
  /// outside, no colour images).
  FrameInput(const Preprocessing& preprocessing, const TensorView& input, int frame_h, int frame_w, Isa isa);

  /// The next frame of a drive. `frame`: RGB interleaved, frame_h · frame_w · 3 bytes. `target`: the input's bytes (f32, s8 or
  /// s16). Order: crop, bilinear resize to 8 bits, colours (yuv as OpenCV's RGB2YUV), x·scale + offset, quantization if the
  /// input is integer. An input of several images gets earlier frames too; before there are so many, the first one stands for
  /// them.
  void prepare(std::span<const uint8_t> frame, std::span<std::byte> target) noexcept;

  /// The next frame is the first of a drive.
  void forget() noexcept { seen_ = 0; }

  /// For frames in any order: one image alone, `image_bytes()` long, and image `i` of the input.
  void prepare_image(std::span<const uint8_t> frame, std::span<std::byte> image) noexcept;
  void place_image(std::span<const std::byte> image, size_t i, std::span<std::byte> target) const noexcept;
  size_t image_bytes() const { return rows_.size() * static_cast<size_t>(count_) * element_size(input_.type); }

  /// How many frames before the newest each of the input's images is.
  const std::vector<int>& frames_back() const { return frames_back_; }
  bool sees_one_frame() const { return frames_back_.size() == 1 && frames_back_[0] == 0; }

 private:
  void set_columns(int frame_w, int width);
  void set_rows(int rows, int height);
  void set_numbers(int width);
  const uint8_t* resized_row(const uint8_t* frame, size_t y) noexcept;
  const uint8_t* with_colors(const uint8_t* row) noexcept;
  void store_row(const uint8_t* row, std::byte* target) noexcept;

  struct SourceRow {
    int above, below, below_weight;
  };
  Preprocessing preprocessing_;
  TensorView input_;
  InputImages images_;
  std::vector<int> frames_back_;
  const KernelTable* kernels_;
  int frame_w_, count_;  // pixels per row of frames; numbers per row of an image
  bool has_its_size_;    // nothing to resize
  std::vector<SourceRow> rows_;
  std::vector<int32_t> left_, right_weight_, groups_;  // see ResizeRowArgs
  std::vector<uint8_t> row_, resize_scratch_;
  std::vector<float> scale_, offset_, real_row_;  // per number of a row
  std::vector<int8_t> table_;                     // int8 inputs: what stands for a byte, see LookupArgs
  std::vector<std::byte> history_;                // the newest images, a ring; none if a frame is all that is seen
  size_t kept_ = 0, seen_ = 0;                    // images in the ring; frames of this drive
};

}  // namespace slimpilot
