// SPDX-License-Identifier: Apache-2.0
#include "engine/shares.h"

#include "graph/edit.h"

namespace slimpilot {

int useful_threads(const Site& s, int64_t work, int64_t most) {
  return static_cast<int>(std::clamp<int64_t>(work / s.threads.least_work, 1, std::min<int64_t>(s.threads.count, most)));
}

namespace {

std::vector<Share<Conv2dArgs>> rows_of_an_image(const Site& s, const Conv2dArgs& all, int count) {
  if (count == 1) return {{all, 0, all.out_c, 0, 0, conv2d_scratch_bytes(all)}};
  const auto row_bytes = [](const Value& v) {
    return static_cast<size_t>(v.shape[2]) * static_cast<size_t>(v.shape[3]) * element_size(v.type);
  };
  std::vector<Share<Conv2dArgs>> shares;
  for (int i = 0; i < count; ++i) {
    const int first = all.out_h * i / count, end = all.out_h * (i + 1) / count;
    const int top = first * all.stride_h - all.pad_top, bottom = (end - 1) * all.stride_h - all.pad_top + all.kernel_h;
    const int first_in = std::max(top, 0), end_in = std::min(bottom, all.in_h);
    Conv2dArgs args = all;
    args.out_h = end - first, args.in_h = end_in - first_in;
    args.pad_top = first_in - top, args.pad_bottom = bottom - end_in;
    shares.push_back({args, 0, all.out_c, row_bytes(s.input(0)) * static_cast<size_t>(first_in),
                      row_bytes(s.output()) * static_cast<size_t>(first), conv2d_scratch_bytes(args)});
  }
  return shares;
}

}  // namespace

std::vector<Share<Conv2dArgs>> row_shares(const Site& s, const Conv2dArgs& all) {
  const int images = s.output().shape[0];
  // A range of numbers that is found on the fly is that of the whole image.
  const bool hybrid = s.input(0).type == ElementType::f32 && s.input(1).type == ElementType::s8;
  const int rows = hybrid ? 1 : useful_threads(s, multiply_adds(s.graph, s.node) / images, all.out_h);
  const std::vector<Share<Conv2dArgs>> image = rows_of_an_image(s, all, rows);
  const auto image_bytes = [&](const Value& v) {
    return static_cast<size_t>(element_count(v.shape) / images) * element_size(v.type);
  };
  std::vector<Share<Conv2dArgs>> shares;
  for (size_t i = 0; i < static_cast<size_t>(images); ++i)
    for (Share<Conv2dArgs> share : image) {
      share.input += i * image_bytes(s.input(0)), share.output += i * image_bytes(s.output());
      shares.push_back(share);
    }
  return shares;
}

std::vector<Share<DenseArgs>> output_shares(const Site& s, const DenseArgs& all) {
  const int blocks = (all.outputs + kChannelPadding - 1) / kChannelPadding;
  const int count = all.rows > 1 ? 1 : useful_threads(s, multiply_adds(s.graph, s.node), blocks);
  std::vector<Share<DenseArgs>> shares;
  for (int i = 0; i < count; ++i) {
    const int first = blocks * i / count * kChannelPadding;
    const int end = std::min(blocks * (i + 1) / count * kChannelPadding, all.outputs);
    DenseArgs args = all;
    args.outputs = end - first;
    shares.push_back(
        {args, first, args.outputs, 0, static_cast<size_t>(first) * element_size(s.output().type), dense_scratch_bytes(args)});
  }
  return shares;
}

}  // namespace slimpilot
