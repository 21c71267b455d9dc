// SPDX-License-Identifier: Apache-2.0
// Convolution with few outputs, where a window's products are soon done and what is done once per pixel counts: pixels are
// found one from the other, and results are rescaled with constants that are made once, limited and stored as bytes. V
// needs registers of 8 outputs. Anonymous and without the standard library: see kernel_args.h.
#pragma once

#include "engine/kernels/conv2d/conv2d_generic.h"

namespace slimpilot {
namespace {

inline constexpr int kNarrowPixels = 8, kNarrowVectors = 3;  // a tile; its sums take 24 of 32 registers

/// Goes from window to window of an image, row by row of the result.
template <class In>
struct Windows {
  const In* x;
  ptrdiff_t step, row_end;  // to the next window; from behind a row's last window to the next row's first
  int width, left;          // windows of a row; those left of this one

  Windows(const Conv2dArgs& a, const In* image, ptrdiff_t pitch, int first)
      : x(image + first / a.out_w * (a.stride_h * pitch) + static_cast<ptrdiff_t>(first % a.out_w) * a.stride_w * a.in_c),
        step(static_cast<ptrdiff_t>(a.stride_w) * a.in_c),
        row_end(a.stride_h * pitch - a.out_w * step),
        width(a.out_w),
        left(a.out_w - first % a.out_w) {}
  void next() {
    x += step;
    if (--left == 0) x += row_end, left = width;
  }
};

/// Results of one block of N vectors, the sums of whole tiles. Each vector's outputs are those of one tensor.
template <class V, int N>
struct NarrowS8 {
  int8_t* target[N];  // of the first pixel
  int pitch, lanes[N];
  bool exact;        // the fast rescaling is
  bool negative[N];  // results below the zero point may show
  int first;
  const IntegerResult* integer;
  typename V::RescaleToBytes rescale[N];
  typename V::Bytes low[N], high[N];

  NarrowS8() = default;
  NarrowS8(const Conv2dArgs& a, int8_t* output, int first_output)
      : pitch(a.tensor_c), exact(true), first(first_output), integer(&a.integer) {
    const IntegerResult& result = a.integer;
    for (int n = 0; n < N; ++n) {
      const int o = first + n * V::kLanes;
      target[n] = output + o / a.tensor_c * a.tensor_stride + o % a.tensor_c;
      lanes[n] = a.out_c - o < V::kLanes ? a.out_c - o : V::kLanes;
      exact = exact && V::RescaleToBytes::is_exact(result.shift + o, lanes[n]);
      rescale[n] =
          typename V::RescaleToBytes(result.multiplier + o, result.shift + o, result.zero_points + o, result.rounds_once);
      negative[n] = false;
      if (!result.rounds_once)
        for (int i = o; i < o + lanes[n]; ++i) negative[n] = negative[n] || result.lows[i] < result.zero_points[i];
      low[n] = V::bytes_of(result.lows + o), high[n] = V::bytes_of(result.highs + o);
    }
  }

  template <int P>
  void operator()(const typename V::Vector (&sum)[P][N], int pixel, int) const {
    static_assert(P % V::kPixels == 0);
    if (!exact) return store_slowly(sum, pixel);
#pragma GCC unroll 8  // or GCC 12 keeps the sums in memory
    for (int p = 0; p < P; p += V::kPixels)
#pragma GCC unroll 3
      for (int n = 0; n < N; ++n) {
        const auto bytes = negative[n]
                               ? rescale[n].template bytes<true>(sum[p][n], sum[p + 1][n], sum[p + 2][n], sum[p + 3][n])
                               : rescale[n].template bytes<false>(sum[p][n], sum[p + 1][n], sum[p + 2][n], sum[p + 3][n]);
        V::store_pixels(target[n] + static_cast<ptrdiff_t>(pixel + p) * pitch, V::limited(bytes, low[n], high[n]), pitch,
                        lanes[n]);
      }
  }
  /// Pixels that fill no tile.
  void operator()(const typename V::Vector (&sum)[1][N], int pixel, int) const { store_slowly(sum, pixel); }

  template <int P>
  void store_slowly(const typename V::Vector (&sum)[P][N], int pixel) const {
    int32_t sums[P * N * V::kLanes];
    for (int p = 0; p < P; ++p)
      for (int n = 0; n < N; ++n) V::store_sum(sums + (p * N + n) * V::kLanes, sum[p][n]);
    store_each(sums, pixel, P);
  }
  /// Any shift, either rounding.
  __attribute__((noinline)) void store_each(const int32_t* sums, int pixel, int count) const {
    for (int p = 0; p < count; ++p)
      for (int n = 0; n < N; ++n, sums += V::kLanes)
        for (int lane = 0; lane < lanes[n]; ++lane) {
          const int o = first + n * V::kLanes + lane;
          const int32_t scaled = integer->rounds_once
                                     ? rescale_once(sums[lane], integer->multiplier[o], integer->shift[o])
                                     : slimpilot::rescale(sums[lane], integer->multiplier[o], integer->shift[o]);
          target[n][static_cast<ptrdiff_t>(pixel + p) * pitch + lane] =
              static_cast<int8_t>(limit(scaled + integer->zero_points[o], integer->lows[o], integer->highs[o]));
        }
  }
};

/// A tile of windows whose outputs begin at `pixel`; `windows` is left at the tile's last one.
template <class V, int N, class Image, class Result>
inline __attribute__((always_inline)) void narrow_tile(const Conv2dArgs& a, const Image& image,
                                                       Windows<typename V::In>& windows, const OutputBlock<V>& block,
                                                       const Result& result, int pixel) {
  const typename V::In* x[kNarrowPixels];
  for (int p = 0; p < kNarrowPixels; ++p) {
    x[p] = windows.x;
    if (p + 1 < kNarrowPixels) windows.next();
  }
  typename V::Vector sum[kNarrowPixels][N];
  for (int p = 0; p < kNarrowPixels; ++p)
    for (int n = 0; n < N; ++n) sum[p][n] = V::load_sum(block.start + block.first + n * V::kLanes);
  accumulate_window<V, kNarrowPixels, N>(image, x, a.kernel_h, a.kernel_w * a.in_c, block.weights, sum);
  result(sum, pixel, block.first);
}

/// All pixels; a last tile reaches back over pixels that are already done. Where there are too few for a tile, one by one.
template <class V, int N, class Image, class Result>
__attribute__((noinline)) void narrow_block(const Conv2dArgs& a, const Image& image, const OutputBlock<V>& block,
                                            const Result& result) {
  const int pixels = a.out_h * a.out_w;
  if (pixels < kNarrowPixels) {
    const PaddedImage<V>& all_of_it = image;
    for (Position at{0, 0, 0}; at.pixel < pixels; at.advance(a, 1)) conv2d_tile<V, 1, N>(a, all_of_it, block, at, result);
    return;
  }
  Windows<typename V::In> windows(a, image.data, image.pitch, 0);
  for (int pixel = 0;;) {
    narrow_tile<V, N>(a, image, windows, block, result, pixel);
    pixel += kNarrowPixels;
    if (pixel == pixels) return;
    windows.next();
    if (pixel + kNarrowPixels <= pixels) continue;
    pixel = pixels - kNarrowPixels;
    windows = Windows<typename V::In>(a, image.data, image.pitch, pixel);
  }
}

/// As padded_image, in whole registers, which may write over the end of what comes next.
template <class V>
PaddedImage<V> narrow_image(const Conv2dArgs& a, const ReadS8<V>& read, void* scratch, void*& end) {
  auto* target = static_cast<typename V::In*>(aligned(scratch));
  const ptrdiff_t row = a.in_w * a.in_c, before = a.pad_left * a.in_c, between = before + a.pad_right * a.in_c;
  const ptrdiff_t pitch = row + between;
  const PaddedImage<V> image{target, pitch, 0};
  const auto padding = read.padding(0);
  const auto pad = [&](ptrdiff_t count) { V::fill(target, padding, count), target += count; };
  pad(a.pad_top * pitch + before);
  for (int y = 0; y < a.in_h; ++y) {
    V::copy(read.input + y * row, row, target), target += row;
    pad(between);
  }
  pad(a.pad_bottom * pitch);
  end = aligned(target + V::kGroup);  // the last group of the last window may reach over the end
  return image;
}

/// `windows_of` makes of the image what accumulate_window runs over.
template <class V, class WindowsOf>
void conv2d_narrow_with(const Conv2dArgs& a, const Io& io, const WindowsOf& windows_of) {
  const ReadS8<V> read{static_cast<const int8_t*>(io.input[0]), a.integer.input_zero_point};
  void* end;
  const PaddedImage<V> padded = narrow_image<V>(a, read, io.scratch, end);
  const auto image = windows_of(a, padded, end);
  auto* start = static_cast<int32_t*>(end);
  fill_starts<V>(read, a.integer, a.out_c, start);
  auto* output = static_cast<int8_t*>(io.output);
  OutputBlock<V> block{0, static_cast<const int8_t*>(a.weights), start};
  const ptrdiff_t groups = (a.kernel_w * a.in_c + V::kGroup - 1) / V::kGroup;
  while (block.first < a.out_c) {
    const int vectors = balanced_block((a.out_c - block.first + V::kLanes - 1) / V::kLanes, kNarrowVectors);
    switch (vectors) {
      case 1: narrow_block<V, 1>(a, image, block, NarrowS8<V, 1>(a, output, block.first)); break;
      case 2: narrow_block<V, 2>(a, image, block, NarrowS8<V, 2>(a, output, block.first)); break;
      case 3: narrow_block<V, 3>(a, image, block, NarrowS8<V, 3>(a, output, block.first)); break;
    }
    block.first += vectors * V::kLanes;
    block.weights += a.kernel_h * groups * vectors * V::kLanes * V::kGroup;
  }
}

template <class V>
void conv2d_narrow_s8(const Conv2dArgs& a, const Io& io) noexcept {
  conv2d_narrow_with<V>(a, io, AllGroups<V>::image);
}

template <class V>
constexpr PackedLayout kNarrowLayout{V::kLanes, V::kLanes* kNarrowVectors, V::kGroup, WeightStorage::plain, true};
template <class V>
constexpr PackedKernel<Conv2dArgs> kConv2dNarrowS8{kNarrowLayout<V>, conv2d_narrow_s8<V>};

}  // namespace
}  // namespace slimpilot
