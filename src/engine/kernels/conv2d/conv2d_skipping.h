// SPDX-License-Identifier: Apache-2.0
// Real convolution that leaves out what is zero at all pixels of a tile: after ReLU most activations are, and many channels
// over whole regions. A product with zero changes no sum, so results are the same. V must tell which numbers are other than
// zero.
#pragma once

#include "engine/kernels/conv2d/conv2d_generic.h"

namespace slimpilot {
namespace {

/// `bits`: one per number of the image, set where it is not zero; 8 readable bytes follow.
template <class V>
struct ActiveImage : PaddedImage<V> {
  const uint8_t* bits;
};

template <class V>
void mark_active(const typename V::In* x, ptrdiff_t count, uint8_t* bits) {
  ptrdiff_t i = 0;
  for (; i + V::kMarkLanes <= count; i += V::kMarkLanes) {
    const auto mask = V::nonzero(x + i);
    static_assert(sizeof mask * 8 == V::kMarkLanes);
    __builtin_memcpy(bits + i / 8, &mask, sizeof mask);
  }
  for (ptrdiff_t byte = i / 8; byte * 8 < count; ++byte) {
    bits[byte] = 0;
    for (ptrdiff_t k = byte * 8; k < count && k < byte * 8 + 8; ++k)
      bits[byte] = static_cast<uint8_t>(bits[byte] | (x[k] != 0) << (k % 8));
  }
}

template <class V, int P, int N>
inline __attribute__((always_inline)) void accumulate_window(const ActiveImage<V>& image, const typename V::In* const (&x)[P],
                                                             int rows, int row_length, const typename V::Weight* w,
                                                             typename V::Vector (&sum)[P][N]) {
  static_assert(V::kGroup == 1);
  constexpr int kBits = 56;  // of a word that begins at any bit of a byte, so many are there
  for (int row = 0; row < rows; ++row, w += static_cast<ptrdiff_t>(row_length) * N * V::kLanes) {
    const ptrdiff_t start = row * image.pitch;
    for (int first = 0; first < row_length; first += kBits) {
      uint64_t active = 0;
      for (int p = 0; p < P; ++p) {
        const ptrdiff_t bit = x[p] - image.data + start + first;
        uint64_t word;
        __builtin_memcpy(&word, image.bits + (bit >> 3), sizeof word);
        active |= word >> (bit & 7);
      }
      const int left = row_length - first;
      active &= (uint64_t{1} << (left < kBits ? left : kBits)) - 1;
      for (; active != 0; active &= active - 1) {
        const ptrdiff_t k = first + __builtin_ctzll(active);
        accumulate_group<V, P, N>(x, start + k, w + k * N * V::kLanes, sum);
      }
    }
  }
}

/// How the windows run by: numbers that are zero at all pixels of a tile are left out.
template <class V>
struct ActiveNumbers {
  static ActiveImage<V> image(const Conv2dArgs& a, const PaddedImage<V>& image, void*& end) {
    const ptrdiff_t count = image.pitch * (a.in_h + a.pad_top + a.pad_bottom);
    auto* bits = static_cast<uint8_t*>(end);
    mark_active<V>(image.data, count, bits);
    end = aligned(bits + (count + 7) / 8 + 8);
    return {image, bits};
  }
};

}  // namespace
}  // namespace slimpilot
