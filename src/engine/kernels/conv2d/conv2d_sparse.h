// SPDX-License-Identifier: Apache-2.0
// Real convolution for pruned filters. Neighbouring pixels of a row lie in the lanes and one weight is multiplied at a time, so
// that each weight that is zero can be left out, and with it inputs that are zero at all pixels of a tile. Each output is the
// same sum as in the other kernels.
#pragma once

#include "engine/kernels/conv2d/conv2d_generic.h"

namespace slimpilot {
namespace {

inline constexpr int kMarks = 64;  // weights, or places in a window's row, in a word of bits

/// What the windows of a tile read: [row][place in a window's row][pixel], and per row and place a bit, set if the number is
/// not zero at all pixels.
template <class V>
struct PixelTile {
  float* numbers;
  uint8_t* bits;
  float* sums;  // [output][row][pixel]
  ptrdiff_t pitch;
  int words;  // of bits, per row

  uint64_t active(int row, int word) const {
    uint64_t result;
    __builtin_memcpy(&result, bits + (static_cast<ptrdiff_t>(row) * words + word) * 8, sizeof result);
    return result;
  }
};

/// Fills the tile from `rows` rows of the image. Lanes without a pixel repeat the last one's numbers.
template <class V, class Block>
void gather_tile(const Conv2dArgs& a, const PaddedImage<V>& image, const float* x, int rows, int pixels,
                 const PixelTile<V>& tile) {
  constexpr int kBlock = Block::kLanes;
  const ptrdiff_t step = static_cast<ptrdiff_t>(a.stride_w) * a.in_c;
  const int length = a.kernel_w * a.in_c;
  __builtin_memset(tile.bits, 0, static_cast<size_t>(rows) * static_cast<size_t>(tile.words) * 8);
  for (int row = 0; row < rows; ++row)
    for (int first = 0; first < V::kLanes; first += kBlock) {
      const float* pixel[kBlock];
      for (int p = 0; p < kBlock; ++p) pixel[p] = x + row * image.pitch + (first + p < pixels ? first + p : pixels - 1) * step;
      float* target = tile.numbers + row * tile.pitch + first;
      uint8_t* bits = tile.bits + static_cast<ptrdiff_t>(row) * tile.words * 8;
      for (int k = 0; k < length; k += kBlock) {
        typename Block::Vector v[kBlock];
        for (int p = 0; p < kBlock; ++p) v[p] = Block::load_sum(pixel[p] + k);
        typename Block::Vector any = v[0];
        for (int p = 1; p < kBlock; ++p) any = Block::either(any, v[p]);
        bits[k / 8] = static_cast<uint8_t>(bits[k / 8] | Block::nonzero(any));
        Block::transpose(v);
        for (int i = 0; i < kBlock; ++i, target += V::kLanes) Block::store_sum(target, v[i]);
      }
    }
}

/// The sums of R rows. For each word of places all outputs in turn, so that what they read stays in the first-level cache.
template <class V, int R>
__attribute__((noinline)) void sum_tile(const Conv2dArgs& a, const PixelTile<V>& tile) {
  using Vector = typename V::Vector;
  const ptrdiff_t down = a.stride_h * tile.pitch, count = static_cast<ptrdiff_t>(a.kernel_h) * tile.words * a.out_c;
  const auto* marks = static_cast<const uint64_t*>(a.weights);
  const auto* weights = reinterpret_cast<const float*>(marks + (count + 7) / 8 * 8);
  for (int o = 0; o < a.out_c; ++o)
    for (int r = 0; r < R; ++r) V::store_sum(tile.sums + (o * R + r) * V::kLanes, V::broadcast(a.real.bias + o));
  for (int row = 0; row < a.kernel_h; ++row)
    for (int word = 0; word < tile.words; ++word) {
      const float* numbers = tile.numbers + row * tile.pitch + static_cast<ptrdiff_t>(word) * kMarks * V::kLanes;
      uint64_t active = 0;
      for (int r = 0; r < R; ++r) active |= tile.active(row + r * a.stride_h, word);
      float* sums = tile.sums;
      for (int o = 0; o < a.out_c; ++o, ++marks, weights += kMarks, sums += R * V::kLanes) {
        Vector sum[R];
        for (int r = 0; r < R; ++r) sum[r] = V::load_sum(sums + r * V::kLanes);
        for (uint64_t left = active & *marks; left != 0; left &= left - 1) {
          const ptrdiff_t k = __builtin_ctzll(left);
          const float* x = numbers + k * V::kLanes;
          const Vector weight = V::broadcast(weights + k);
          for (int r = 0; r < R; ++r) sum[r] = V::multiply_add(sum[r], V::load_sum(x + r * down), weight);
        }
        for (int r = 0; r < R; ++r) V::store_sum(sums + r * V::kLanes, sum[r]);
      }
    }
}

template <class V, int R = kSparseRows>
void sum_rows(const Conv2dArgs& a, const PixelTile<V>& tile, int rows) {
  if constexpr (R > 1)
    if (rows < R) return sum_rows<V, R - 1>(a, tile, rows);
  sum_tile<V, R>(a, tile);
}

/// Eight outputs of eight pixels at once; the last ones reach back over outputs that are already stored.
template <class V, class Block>
void scatter_tile(const Conv2dArgs& a, const PixelTile<V>& tile, int rows, int pixels, float* y) {
  constexpr int kBlock = Block::kLanes;
  for (int next = 0; next < a.out_c; next += kBlock) {
    const int o = a.out_c < kBlock || next + kBlock <= a.out_c ? next : a.out_c - kBlock;
    for (int r = 0; r < rows; ++r)
      for (int first = 0; first < pixels; first += kBlock) {
        typename Block::Vector v[kBlock];
        for (int i = 0; i < kBlock; ++i) v[i] = Block::load_sum(tile.sums + ((o + i) * rows + r) * V::kLanes + first);
        Block::transpose(v);
        float* target = y + (static_cast<ptrdiff_t>(r) * a.out_w + first) * a.out_c + o;
#pragma GCC unroll 8  // or GCC 12 keeps the block in memory
        for (int p = 0; p < kBlock; ++p)
          if (first + p < pixels)
            Block::store(target + static_cast<ptrdiff_t>(p) * a.out_c, v[p], a.real.low, a.real.high, a.out_c - o);
      }
  }
}

/// `Block`: registers of 8 numbers, which are transposed to and from the lanes of V.
template <class V, class Block>
void conv2d_sparse_real(const Conv2dArgs& a, const Io& io) noexcept {
  void* end;
  const PaddedImage<V> image = real_image<V>(a, io, end);
  const int length = a.kernel_w * a.in_c, words = (length + kMarks - 1) / kMarks;
  const ptrdiff_t pitch = static_cast<ptrdiff_t>(length + 7) / 8 * 8 * V::kLanes;
  auto* numbers = static_cast<float*>(end);
  auto* bits = reinterpret_cast<uint8_t*>(numbers + sparse_tile_rows(a) * pitch);
  auto* sums = static_cast<float*>(aligned(bits + static_cast<ptrdiff_t>(sparse_tile_rows(a)) * words * 8));
  const PixelTile<V> tile{numbers, bits, sums, pitch, words};
  for (int y = 0, rows = 0; y < a.out_h; y += rows) {
    rows = balanced_block(a.out_h - y, kSparseRows);
    for (int x = 0; x < a.out_w; x += V::kLanes) {
      const int pixels = a.out_w - x < V::kLanes ? a.out_w - x : V::kLanes;
      const float* first = image.data + y * a.stride_h * image.pitch + static_cast<ptrdiff_t>(x) * a.stride_w * a.in_c;
      gather_tile<V, Block>(a, image, first, (rows - 1) * a.stride_h + a.kernel_h, pixels, tile);
      sum_rows<V>(a, tile, rows);
      scatter_tile<V, Block>(a, tile, rows, pixels,
                             static_cast<float*>(io.output) + (static_cast<ptrdiff_t>(y) * a.out_w + x) * a.out_c);
    }
  }
}

/// All outputs are one block, of which each has a word of bits in turn.
constexpr PackedLayout kSparseLayout{1, 1 << 30, kMarks, WeightStorage::marked};
template <class V, class Block>
constexpr PackedKernel<Conv2dArgs> kConv2dSparse{kSparseLayout, conv2d_sparse_real<V, Block>};

}  // namespace
}  // namespace slimpilot
