// SPDX-License-Identifier: Apache-2.0
// The convolution for pruned filters in int8: four weights side by side are one, so it pays where they are zero together, as
// `prune block=4` leaves them. V has lanes of four bytes, N registers of 8 outputs (NarrowS8). Anonymous and without the
// standard library: see kernel_args.h.
#pragma once

#include "engine/kernels/conv2d/conv2d_narrow.h"
#include "engine/kernels/conv2d/conv2d_sparse.h"

namespace slimpilot {
namespace {

/// Eight outputs of eight pixels at once; the last pixels reach back over what is already stored.
template <class V, class N, class Block>
void scatter_s8(const PixelTile<V>& tile, int first_output, int rows, int pixels, int pixel, int width,
                const NarrowS8<N, 1>& result) {
  static_assert(kNarrowPixels == Block::kLanes && N::kLanes == Block::kLanes);
  for (int r = 0; r < rows; ++r, pixel += width)
    for (int next = 0; next < pixels; next += kNarrowPixels) {
      const int first = pixels < kNarrowPixels || next + kNarrowPixels <= pixels ? next : pixels - kNarrowPixels;
      typename Block::Vector v[kNarrowPixels];
      for (int i = 0; i < kNarrowPixels; ++i)
        v[i] = Block::load(tile.sums + ((first_output + i) * rows + r) * V::kLanes + first);
      Block::transpose(v);
      typename N::Vector sum[kNarrowPixels][1];
      for (int p = 0; p < kNarrowPixels; ++p) sum[p][0] = Block::integers(v[p]);
      if (pixels >= kNarrowPixels) {
        result(sum, pixel + first, 0);
        continue;
      }
      for (int p = 0; p < pixels; ++p) {
        const typename N::Vector one[1][1] = {{sum[p][0]}};
        result(one, pixel + p, 0);
      }
    }
}

template <class V, class N, class Block>
void conv2d_sparse_s8(const Conv2dArgs& a, const Io& io) noexcept {
  const ReadS8<N> read{static_cast<const int8_t*>(io.input[0]), a.integer.input_zero_point};
  void* end;
  const PaddedImage<N> padded = narrow_image<N>(a, read, io.scratch, end);
  const PaddedImage<V> image{padded.data, padded.pitch, 0};
  const PixelTile<V> tile(a, end, end);
  auto* start = static_cast<int32_t*>(end);
  fill_starts<N>(read, a.integer, a.out_c, start);
  conv2d_pixel_tiles<V, Block>(a, image, tile, start, [&](int rows, int pixels, int y, int x) {
    for (int o = 0; o < a.out_c; o += N::kLanes)
      scatter_s8<V, N, Block>(tile, o, rows, pixels, y * a.out_w + x, a.out_w,
                              NarrowS8<N, 1>(a, static_cast<int8_t*>(io.output), o));
  });
}

template <class V, class N, class Block>
constexpr PackedKernel<Conv2dArgs> kConv2dSparseS8{kSparseLayout<V>, conv2d_sparse_s8<V, N, Block>};

}  // namespace
}  // namespace slimpilot
