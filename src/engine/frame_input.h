// SPDX-License-Identifier: Apache-2.0
// From a camera frame to a network's input, as the graph's Preprocessing says.
#pragma once

#include <span>
#include <vector>

#include "engine/plan.h"

namespace slimpilot {

/// Tables and buffers for frames of one size. Belongs to one thread at a time.
class FrameInput {
 public:
  /// Throws Error when frames of `frame_h` × `frame_w` cannot become the input (empty, wrong size without resize, crop
  /// outside).
  FrameInput(const Preprocessing& preprocessing, const TensorView& input, int frame_h, int frame_w, Isa isa);

  /// `frame`: RGB interleaved, frame_h · frame_w · 3 bytes. `target`: the input's bytes (f32, s8 or s16). Order: crop, bilinear
  /// resize to 8 bits, colours (yuv as OpenCV's RGB2YUV), x·scale + offset, quantization if the input is integer.
  void prepare(std::span<const uint8_t> frame, std::span<std::byte> target) noexcept;

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
  const KernelTable* kernels_;
  int frame_w_, count_;  // pixels per row of frames; numbers per row of the input
  bool has_its_size_;    // nothing to resize
  std::vector<SourceRow> rows_;
  std::vector<int32_t> left_, right_, right_weight_;
  std::vector<uint8_t> row_, resize_scratch_;
  std::vector<float> scale_, offset_, real_row_;  // per number of a row
  std::vector<int8_t> table_;                     // int8 inputs: what stands for a byte, see LookupArgs
};

}  // namespace slimpilot
