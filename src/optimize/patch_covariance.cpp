// SPDX-License-Identifier: Apache-2.0
// Covariance of layer inputs, from a few windows of each calibration frame.
#include "optimize/patch_covariance.h"

#include <algorithm>

namespace slimpilot {
namespace {

int weights_per_output(const Graph& graph, const Node& node) {
  const Shape& w = graph.value(node.inputs[1]).shape;
  return static_cast<int>(element_count(w) / w[0]);
}

}  // namespace

bool PatchCovariance::fits(const Graph& graph, const Node& node) {
  const bool weighted = std::holds_alternative<Conv2D>(node.op) || std::holds_alternative<Dense>(node.op);
  return weighted && weights_per_output(graph, node) <= kMostInputs;
}

PatchCovariance::PatchCovariance(const Graph& graph, const Node& node) : k_(weights_per_output(graph, node)) {
  image_ = graph.value(node.inputs[0]).shape;
  output_ = graph.value(node.output).shape;
  window_ = graph.value(node.inputs[1]).shape;
  if (const auto* conv = std::get_if<Conv2D>(&node.op)) {
    stride_h_ = conv->stride_h, stride_w_ = conv->stride_w;
    top_ = padded_extent(image_[1], window_[1], stride_h_, conv->padding).before;
    left_ = padded_extent(image_[2], window_[2], stride_w_, conv->padding).before;
  } else {
    image_ = {1, image_[0], 1, image_[1]}, output_ = {1, output_[0], 1, output_[1]}, window_ = {window_[0], 1, 1, window_[1]};
  }
  const size_t k = static_cast<size_t>(k_);
  sums_.resize(k), products_.resize(k * k), patch_.resize(k);
}

void PatchCovariance::copy_window(std::span<const float> input, int position) {
  const int pixels = output_[1] * output_[2];
  input = input.subspan(static_cast<size_t>(position / pixels) * static_cast<size_t>(element_count(image_) / image_[0]));
  position %= pixels;
  const int first_y = position / output_[2] * stride_h_ - top_, first_x = position % output_[2] * stride_w_ - left_;
  auto target = patch_.begin();
  for (int ky = 0; ky < window_[1]; ++ky)
    for (int kx = 0; kx < window_[2]; ++kx, target += image_[3]) {
      const int y = first_y + ky, x = first_x + kx;
      if (y < 0 || y >= image_[1] || x < 0 || x >= image_[2])
        std::fill_n(target, image_[3], 0.0f);
      else
        std::copy_n(input.begin() + static_cast<ptrdiff_t>(y * image_[2] + x) * image_[3], image_[3], target);
    }
}

void PatchCovariance::add(std::span<const float> input, size_t frame) {
  const int positions = output_[0] * output_[1] * output_[2], count = std::min(positions, kPatchesPerFrame);
  const size_t k = static_cast<size_t>(k_);
  for (int i = 0; i < count; ++i, ++samples_) {
    const auto offset = static_cast<int>(frame * 7919 % static_cast<size_t>(positions));  // a prime: other places each frame
    copy_window(input, static_cast<int>((static_cast<int64_t>(positions) * i / count + offset) % positions));
    for (size_t row = 0; row < k; ++row) {
      sums_[row] += patch_[row];
      if (patch_[row] == 0) continue;
      for (size_t column = row; column < k; ++column) products_[row * k + column] += patch_[row] * patch_[column];
    }
  }
}

std::vector<double> PatchCovariance::matrix() const {
  const size_t k = static_cast<size_t>(k_);
  const double n = static_cast<double>(std::max<size_t>(samples_, 1));
  std::vector<double> covariance(k * k);
  for (size_t row = 0; row < k; ++row)
    for (size_t column = row; column < k; ++column)
      covariance[row * k + column] = covariance[column * k + row] =
          products_[row * k + column] / n - sums_[row] / n * (sums_[column] / n);
  return covariance;
}

}  // namespace slimpilot
