// SPDX-License-Identifier: Apache-2.0
// Convolution for pruned filters. Neighbouring pixels of a row lie in the lanes and one weight (four of int8, a group) is
// multiplied at a time, so that each one that is zero can be left out, and with it inputs that are zero at all pixels of a
// tile. Each output is the same sum as in the other kernels. V has lanes of four bytes; `Block` are registers of 8 of them.
#pragma once

#include "engine/kernels/conv2d/conv2d_generic.h"

namespace slimpilot {
namespace {

inline constexpr int kMarks = 64;  // groups of weights, or of a window's row, in a word of bits

/// What the windows of a tile read: [row][group of a window's row][pixel][kGroup], and per row and group a bit, set if it is
/// not zero at all pixels.
template <class V>
struct PixelTile {
  static constexpr int kPlace = V::kLanes * V::kGroup;  // numbers of all pixels at one place
  typename V::In* numbers;
  uint8_t* bits;
  typename V::Sum* sums;  // [output][row][pixel]
  int groups, words;      // of a window's row, and of bits for it
  ptrdiff_t pitch;

  /// In scratch from `place` on, whose end is `end`.
  PixelTile(const Conv2dArgs& a, void* place, void*& end)
      : groups((a.kernel_w * a.in_c + V::kGroup - 1) / V::kGroup),
        words((groups + kMarks - 1) / kMarks),
        pitch(static_cast<ptrdiff_t>(groups + 7) / 8 * 8 * kPlace) {
    const ptrdiff_t rows = sparse_tile_rows(a);
    numbers = static_cast<typename V::In*>(aligned(place));
    bits = reinterpret_cast<uint8_t*>(numbers + rows * pitch);
    sums = static_cast<typename V::Sum*>(aligned(bits + rows * words * 8));
    end = aligned(sums + static_cast<ptrdiff_t>(a.out_c + 7) / 8 * 8 * kSparseRows * V::kLanes);
  }

  uint64_t active(int row, int word) const {
    uint64_t result;
    __builtin_memcpy(&result, bits + (static_cast<ptrdiff_t>(row) * words + word) * 8, sizeof result);
    return result;
  }
};

/// Fills the tile from `rows` rows of the image. Lanes without a pixel repeat the last one's numbers.
template <class V, class Block>
void gather_tile(const Conv2dArgs& a, const PaddedImage<V>& image, const typename V::In* x, int rows, int pixels,
                 const PixelTile<V>& tile) {
  constexpr int kBlock = Block::kLanes;
  const ptrdiff_t step = static_cast<ptrdiff_t>(a.stride_w) * a.in_c;
  __builtin_memset(tile.bits, 0, static_cast<size_t>(rows) * static_cast<size_t>(tile.words) * 8);
  for (int row = 0; row < rows; ++row)
    for (int first = 0; first < V::kLanes; first += kBlock) {
      const typename V::In* pixel[kBlock];
      for (int p = 0; p < kBlock; ++p) pixel[p] = x + row * image.pitch + (first + p < pixels ? first + p : pixels - 1) * step;
      typename V::In* target = tile.numbers + row * tile.pitch + first * V::kGroup;
      uint8_t* bits = tile.bits + static_cast<ptrdiff_t>(row) * tile.words * 8;
      for (int k = 0; k < tile.groups; k += kBlock) {
        typename Block::Vector v[kBlock];
        for (int p = 0; p < kBlock; ++p) v[p] = Block::load(pixel[p] + k * V::kGroup);
        typename Block::Vector any = v[0];
        for (int p = 1; p < kBlock; ++p) any = Block::either(any, v[p]);
        bits[k / 8] = static_cast<uint8_t>(bits[k / 8] | Block::nonzero(any));
        Block::transpose(v);
        for (int i = 0; i < kBlock; ++i, target += PixelTile<V>::kPlace) Block::store(target, v[i]);
      }
    }
}

/// The sums of R rows, which begin as `start`. For each word of groups all outputs in turn, so that what they read stays in the
/// first-level cache.
template <class V, int R>
__attribute__((noinline)) void sum_tile(const Conv2dArgs& a, const PixelTile<V>& tile, const typename V::Sum* start) {
  using Vector = typename V::Vector;
  const ptrdiff_t down = a.stride_h * tile.pitch, count = static_cast<ptrdiff_t>(a.kernel_h) * tile.words * a.out_c;
  const auto* marks = static_cast<const uint64_t*>(a.weights);
  const auto* weights = reinterpret_cast<const typename V::In*>(marks + (count + 7) / 8 * 8);
  for (int o = 0; o < a.out_c; ++o)
    for (int r = 0; r < R; ++r) V::store_sum(tile.sums + (o * R + r) * V::kLanes, V::same(start[o]));
  for (int row = 0; row < a.kernel_h; ++row)
    for (int word = 0; word < tile.words; ++word) {
      const auto* numbers = tile.numbers + row * tile.pitch + static_cast<ptrdiff_t>(word) * kMarks * PixelTile<V>::kPlace;
      uint64_t active = 0;
      for (int r = 0; r < R; ++r) active |= tile.active(row + r * a.stride_h, word);
      auto* sums = tile.sums;
      for (int o = 0; o < a.out_c; ++o, ++marks, weights += kMarks * V::kGroup, sums += R * V::kLanes) {
        Vector sum[R];
        for (int r = 0; r < R; ++r) sum[r] = V::load_sum(sums + r * V::kLanes);
        for (uint64_t left = active & *marks; left != 0; left &= left - 1) {
          const ptrdiff_t k = __builtin_ctzll(left);
          const auto* x = reinterpret_cast<const typename V::Weight*>(numbers + k * PixelTile<V>::kPlace);
          const Vector weight = V::broadcast(weights + k * V::kGroup);
          for (int r = 0; r < R; ++r) sum[r] = V::multiply_add(sum[r], V::load_weights(x + r * down), weight);
        }
        for (int r = 0; r < R; ++r) V::store_sum(sums + r * V::kLanes, sum[r]);
      }
    }
}

template <class V, int R = kSparseRows>
void sum_rows(const Conv2dArgs& a, const PixelTile<V>& tile, int rows, const typename V::Sum* start) {
  if constexpr (R > 1)
    if (rows < R) return sum_rows<V, R - 1>(a, tile, rows, start);
  sum_tile<V, R>(a, tile, start);
}

/// All tiles; `scatter(rows, pixels, y, x)` makes results of the sums of the one that begins at row y and column x.
template <class V, class Block, class Scatter>
void conv2d_pixel_tiles(const Conv2dArgs& a, const PaddedImage<V>& image, const PixelTile<V>& tile,
                        const typename V::Sum* start, const Scatter& scatter) {
  for (int y = 0, rows = 0; y < a.out_h; y += rows) {
    rows = balanced_block(a.out_h - y, kSparseRows);
    for (int x = 0; x < a.out_w; x += V::kLanes) {
      const int pixels = a.out_w - x < V::kLanes ? a.out_w - x : V::kLanes;
      const auto* first = image.data + y * a.stride_h * image.pitch + static_cast<ptrdiff_t>(x) * a.stride_w * a.in_c;
      gather_tile<V, Block>(a, image, first, (rows - 1) * a.stride_h + a.kernel_h, pixels, tile);
      sum_rows<V>(a, tile, rows, start);
      scatter(rows, pixels, y, x);
    }
  }
}

/// Eight outputs of eight pixels at once; the last ones reach back over outputs that are already stored.
template <class V, class Block>
void scatter_real(const Conv2dArgs& a, const PixelTile<V>& tile, int rows, int pixels, float* y) {
  constexpr int kBlock = Block::kLanes;
  for (int next = 0; next < a.out_c; next += kBlock) {
    const int o = a.out_c < kBlock || next + kBlock <= a.out_c ? next : a.out_c - kBlock;
    for (int r = 0; r < rows; ++r)
      for (int first = 0; first < pixels; first += kBlock) {
        typename Block::Vector v[kBlock];
        for (int i = 0; i < kBlock; ++i) v[i] = Block::load(tile.sums + ((o + i) * rows + r) * V::kLanes + first);
        Block::transpose(v);
        float* target = y + (static_cast<ptrdiff_t>(r) * a.out_w + first) * a.out_c + o;
#pragma GCC unroll 8  // or GCC 12 keeps the block in memory
        for (int p = 0; p < kBlock; ++p)
          if (first + p < pixels)
            Block::store(target + static_cast<ptrdiff_t>(p) * a.out_c, v[p], a.real.low, a.real.high, a.out_c - o);
      }
  }
}

template <class V, class Block>
void conv2d_sparse_real(const Conv2dArgs& a, const Io& io) noexcept {
  void* end;
  const PaddedImage<V> image = real_image<V>(a, io, end);
  const PixelTile<V> tile(a, end, end);
  conv2d_pixel_tiles<V, Block>(a, image, tile, a.real.bias, [&](int rows, int pixels, int y, int x) {
    float* target = static_cast<float*>(io.output) + (static_cast<ptrdiff_t>(y) * a.out_w + x) * a.out_c;
    scatter_real<V, Block>(a, tile, rows, pixels, target);
  });
}

/// All outputs are one block, of which each has a word of bits in turn.
template <class V>
constexpr PackedLayout kSparseLayout{1, 1 << 30, kMarks* V::kGroup, WeightStorage::marked};
template <class V, class Block>
constexpr PackedKernel<Conv2dArgs> kConv2dSparse{kSparseLayout<V>, conv2d_sparse_real<V, Block>};

}  // namespace
}  // namespace slimpilot
