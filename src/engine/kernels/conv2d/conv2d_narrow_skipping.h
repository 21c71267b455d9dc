// SPDX-License-Identifier: Apache-2.0
// The narrow convolution that leaves out groups of channels which are zero at all pixels of a tile. Which they are is found for
// all tiles of an image at once, 64 groups in an instruction, so that a tile only reads its bits. Anonymous and without the
// standard library: see kernel_args.h.
#pragma once

#include "engine/kernels/conv2d/conv2d_narrow.h"

namespace slimpilot {
namespace {

/// A bit for each kGroup numbers of the image; rows and windows begin with a group. 16 readable bytes follow the bits.
template <class V>
struct GroupedImage : PaddedImage<V> {
  const uint8_t* active;  // groups that are not all zero
  const uint8_t* tile;    // …or not at the same place of one of the next kNarrowPixels windows of the row
  ptrdiff_t step;         // numbers from window to window
};

inline uint64_t bits_from(const uint8_t* bits, ptrdiff_t first) {
  uint64_t word;
  __builtin_memcpy(&word, bits + (first >> 3), sizeof word);
  const int shift = static_cast<int>(first & 7);
  return word >> shift | uint64_t{bits[(first >> 3) + 8]} << 1 << (63 - shift);
}

/// target[i] = any of bits[i], bits[i + step], … bits[i + 7·step] for all `bytes`, a multiple of 8; zeros follow them, as many
/// as these reach over, in both.
inline void any_of_tile(const uint8_t* bits, ptrdiff_t bytes, ptrdiff_t step, uint8_t* target) {
  static_assert(kNarrowPixels == 8);
  __builtin_memcpy(target, bits, static_cast<size_t>(bytes));
  for (int windows = 1; windows < kNarrowPixels; windows *= 2)
    for (ptrdiff_t i = 0; i < bytes; i += 8) {  // in place: reads only what this round has not changed yet
      const uint64_t word = bits_from(target, 8 * i) | bits_from(target, 8 * i + windows * step);
      __builtin_memcpy(target + i, &word, sizeof word);
    }
}

template <class V, int P, int N>
inline __attribute__((always_inline)) void accumulate_window(const GroupedImage<V>& image, const typename V::In* const (&x)[P],
                                                             int rows, int row_length, const typename V::Weight* w,
                                                             typename V::Vector (&sum)[P][N]) {
  constexpr int kBits = 64;
  constexpr ptrdiff_t kGroupWeights = V::kGroup * N * V::kLanes;
  const int groups = row_length / V::kGroup;
  const bool in_one_row = x[P - 1] - x[0] == (P - 1) * image.step;
  for (int row = 0; row < rows; ++row, w += groups * kGroupWeights)
    for (int first = 0; first < groups; first += kBits) {
      const ptrdiff_t start = row * image.pitch + first * V::kGroup;
      uint64_t active = 0;
      if (in_one_row)
        active = bits_from(image.tile, (x[0] - image.data + start) / V::kGroup);
      else
        for (int p = 0; p < P; ++p) active |= bits_from(image.active, (x[p] - image.data + start) / V::kGroup);
      const int left = groups - first;
      if (left < kBits) active &= (uint64_t{1} << left) - 1;
      for (; active != 0; active &= active - 1) {
        const ptrdiff_t group = __builtin_ctzll(active);
        accumulate_group<V, P, N>(x, start + group * V::kGroup, w + (first + group) * kGroupWeights, sum);
      }
    }
}

template <class V>
GroupedImage<V> grouped_image(const Conv2dArgs& a, const PaddedImage<V>& image, void*& end) {
  const ptrdiff_t count = image.pitch * (a.in_h + a.pad_top + a.pad_bottom), groups = count / V::kGroup;
  const ptrdiff_t step = static_cast<ptrdiff_t>(a.stride_w) * a.in_c, bytes = (groups + 63) / 64 * 8;
  const bool tiles_fit = (kNarrowPixels - 1) * step < count;  // if not, no tile lies in one row
  const ptrdiff_t room = bytes + 16 + (tiles_fit ? kNarrowPixels * step / V::kGroup / 8 : 0);
  auto* active = static_cast<uint8_t*>(end);
  auto* tile = active + room;
  V::mark_groups(image.data, groups, active);
  for (ptrdiff_t i = bytes; i < room; ++i) active[i] = tile[i] = 0;
  if (tiles_fit) any_of_tile(active, bytes, step / V::kGroup, tile);
  end = aligned(tile + room);
  return {image, active, tile, step};
}

/// Layers whose windows do not begin with a group, such as the first one of a camera's three channels, leave nothing out.
template <class V>
void conv2d_narrow_skipping_s8(const Conv2dArgs& a, const Io& io) noexcept {
  if (a.in_c % V::kGroup != 0) return conv2d_narrow_s8<V>(a, io);
  conv2d_narrow_with<V>(a, io, grouped_image<V>);
}

template <class V>
constexpr PackedKernel<Conv2dArgs> kConv2dNarrowSkippingS8{kNarrowLayout<V>, conv2d_narrow_skipping_s8<V>};

}  // namespace
}  // namespace slimpilot
