// SPDX-License-Identifier: Apache-2.0
// Convolution for any register wrapper V (simd_*.h). Because images are NHWC, the cells of one window row are consecutive in
// memory, so a window is kernel_h runs of kernel_w·C numbers, and no im2col is needed. A tile of P pixels × N vectors of
// outputs stays in registers while the window runs by; the same loop serves f32, int8 and int16.
#pragma once

#include "engine/kernels/conv2d/conv2d.h"
#include "engine/kernels/packed_input.h"
#include "engine/kernels/packed_result.h"

namespace slimpilot {
namespace {

/// An image with its padding; planes (see ReadS16) follow each other.
template <class V>
struct PaddedImage {
  const typename V::In* data;
  ptrdiff_t pitch;  // numbers per row
  ptrdiff_t plane;  // numbers per plane
};

/// Adds the group that is `k` behind each x to the sums.
template <class V, int P, int N>
inline __attribute__((always_inline)) void accumulate_group(const typename V::In* const (&x)[P], ptrdiff_t k,
                                                            const typename V::Weight* w, typename V::Vector (&sum)[P][N]) {
  typename V::Vector weights[N];
  for (int n = 0; n < N; ++n) weights[n] = V::load_weights(w + n * V::kLanes * V::kGroup);
  for (int p = 0; p < P; ++p) {
    const typename V::Vector input = V::broadcast(x[p] + k);
    for (int n = 0; n < N; ++n) sum[p][n] = V::multiply_add(sum[p][n], input, weights[n]);
  }
}

/// Adds the windows that begin at `x` to the sums.
template <class V, int P, int N>
inline __attribute__((always_inline)) void accumulate_window(const PaddedImage<V>& image, const typename V::In* const (&x)[P],
                                                             int rows, int row_length, const typename V::Weight* w,
                                                             typename V::Vector (&sum)[P][N]) {
  for (int row = 0; row < rows; ++row) {
    const ptrdiff_t start = row * image.pitch;
    for (ptrdiff_t k = start; k < start + row_length; k += V::kGroup, w += N * V::kLanes * V::kGroup)
      accumulate_group<V, P, N>(x, k, w, sum);
  }
}

/// One block of outputs: `first`… of the channels.
template <class V>
struct OutputBlock {
  int first;
  const typename V::Weight* weights;
  const typename V::Sum* start;
};

/// Where a tile's first pixel is in the result.
struct Position {
  int pixel, y, x;

  void advance(const Conv2dArgs& a, int pixels) {
    pixel += pixels;
    for (x += pixels; x >= a.out_w; x -= a.out_w) ++y;
  }
};

/// A function of its own: among others, inlined, the compiler would keep a part of the sums in memory.
template <class V, int P, int N, class Image, class Result>
__attribute__((noinline)) void conv2d_tile(const Conv2dArgs& a, const Image& image, const OutputBlock<V>& block, Position at,
                                           const Result& result) {
  const typename V::In* x[P];
  typename V::Vector sum[P][N];
  const ptrdiff_t step = static_cast<ptrdiff_t>(a.stride_w) * a.in_c;
  const auto* row = image.data + at.y * a.stride_h * image.pitch;
  for (int p = 0; p < P; ++p) {
    x[p] = row + at.x * step;
    if (++at.x == a.out_w) at.x = 0, row += a.stride_h * image.pitch;
  }
  for (int n = 0; n < N; ++n) {
    const typename V::Vector start = V::load_sum(block.start + block.first + n * V::kLanes);
    for (int p = 0; p < P; ++p) sum[p][n] = start;
  }
  accumulate_window<V, P, N>(image, x, a.kernel_h, a.kernel_w * a.in_c, block.weights, sum);
  result(sum, at.pixel, block.first);
}

/// All pixels in tiles of P, then of P/2, then one by one; a last tile reaches back over pixels that are already done.
template <class V, int N, class Image, class Result>
void conv2d_block(const Conv2dArgs& a, const Image& image, const OutputBlock<V>& block, const Result& result) {
  constexpr int P = V::kTilePixels[N], kHalf = P / 2;
  const int pixels = a.out_h * a.out_w;
  Position at{0, 0, 0};
  for (; at.pixel + P <= pixels; at.advance(a, P)) conv2d_tile<V, P, N>(a, image, block, at, result);
  for (; at.pixel + kHalf / 2 < pixels && pixels >= kHalf; at.advance(a, kHalf)) {
    if (at.pixel + kHalf > pixels) {
      const int last = pixels - kHalf;
      at = {last, last / a.out_w, last % a.out_w};
    }
    conv2d_tile<V, kHalf, N>(a, image, block, at, result);
  }
  for (; at.pixel < pixels; at.advance(a, 1)) conv2d_tile<V, 1, N>(a, image, block, at, result);
}

template <class V, int N, class Image, class Result>
void conv2d_vectors(const Conv2dArgs& a, const Image& image, const OutputBlock<V>& block, const Result& result) {
  if constexpr (N <= V::kMaxConvVectors) conv2d_block<V, N>(a, image, block, result);
}

template <class V, class Image, class Result>
void conv2d_blocks(const Conv2dArgs& a, const Image& image, const typename V::Sum* start, const Result& result) {
  const ptrdiff_t groups = (a.kernel_w * a.in_c + V::kGroup - 1) / V::kGroup;
  OutputBlock<V> block{0, static_cast<const typename V::Weight*>(a.weights), start};
  while (block.first < a.out_c) {
    const int left = (a.out_c - block.first + V::kLanes - 1) / V::kLanes;
    const int vectors = balanced_block(left, V::kMaxConvVectors);
    switch (vectors) {
      case 1: conv2d_vectors<V, 1>(a, image, block, result); break;
      case 2: conv2d_vectors<V, 2>(a, image, block, result); break;
      case 3: conv2d_vectors<V, 3>(a, image, block, result); break;
      case 4: conv2d_vectors<V, 4>(a, image, block, result); break;
      case 5: conv2d_vectors<V, 5>(a, image, block, result); break;
    }
    block.first += vectors * V::kLanes;
    block.weights += a.kernel_h * groups * vectors * V::kLanes * V::kGroup;
  }
}

/// Copies the image through `read` into scratch, with its padding; `end` is the first free place behind it.
template <class V, class Read>
PaddedImage<V> padded_image(const Conv2dArgs& a, const Read& read, void* scratch, void*& end) {
  auto* target = static_cast<typename V::In*>(aligned(scratch));
  const int row = a.in_w * a.in_c, before = a.pad_left * a.in_c, after = a.pad_right * a.in_c;
  const ptrdiff_t pitch = row + before + after;
  const PaddedImage<V> image{target, pitch, pitch * (a.in_h + a.pad_top + a.pad_bottom)};
  for (int plane = 0; plane < Read::kPlanes; ++plane) {
    const auto padding = read.padding(plane);
    const auto pad = [&](ptrdiff_t count) {
      for (ptrdiff_t i = 0; i < count; ++i) target[i] = padding;
      target += count;
    };
    pad(a.pad_top * pitch);
    for (int y = 0; y < a.in_h; ++y) {
      pad(before);
      read(plane, static_cast<ptrdiff_t>(y) * row, row, target);
      target += row;
      pad(after);
    }
    pad(a.pad_bottom * pitch);
  }
  end = aligned(target + V::kGroup);  // the last group of the last window may reach over the end
  return image;
}

template <class V>
struct ReadReal {
  static constexpr int kPlanes = 1;
  const float* input;
  float padding(int) const { return 0; }
  void operator()(int, ptrdiff_t first, int count, float* target) const {
    __builtin_memcpy(target, input + first, static_cast<size_t>(count) * sizeof(float));
  }
};

/// How the windows run by: every group of every window.
template <class V>
struct AllGroups {
  static PaddedImage<V> image(const Conv2dArgs&, const PaddedImage<V>& image, void*&) { return image; }
};

/// The image where it is unless it needs padding.
template <class V>
PaddedImage<V> real_image(const Conv2dArgs& a, const Io& io, void*& end) {
  const auto* input = static_cast<const float*>(io.input[0]);
  end = aligned(io.scratch);
  if (is_padded(a)) return padded_image<V>(a, ReadReal<V>{input}, io.scratch, end);
  return {input, static_cast<ptrdiff_t>(a.in_w) * a.in_c, 0};
}

template <class V, template <class> class Windows>
void conv2d_real(const Conv2dArgs& a, const Io& io) noexcept {
  void* end;
  const PaddedImage<V> image = real_image<V>(a, io, end);
  conv2d_blocks<V>(a, Windows<V>::image(a, image, end), a.real.bias,
                   StoreReal<V>{static_cast<float*>(io.output), a.out_c, a.real});
}

template <class V>
void conv2d_s8(const Conv2dArgs& a, const Io& io) noexcept {
  const ReadS8<V> read{static_cast<const int8_t*>(io.input[0]), a.integer.input_zero_point};
  void* end;
  const PaddedImage<V> image = padded_image<V>(a, read, io.scratch, end);
  auto* start = static_cast<int32_t*>(end);
  fill_starts<V>(read, a.integer, a.out_c, start);
  auto* output = static_cast<int8_t*>(io.output);
  if (a.integer.short_rescale) {
    auto* rescale = static_cast<typename V::ShortRescale*>(aligned(start + a.out_c + kChannelPadding));
    fill_rescale<V>(a.integer, a.out_c, rescale);
    conv2d_blocks<V>(a, image, start, StoreS8Shortly<V>{output, a.out_c, a.integer.low, a.integer.high, rescale});
  } else {
    conv2d_blocks<V>(a, image, start, through_memory<V>(StoreS8<V, typename V::Rescale>{output, a.out_c, a.integer}));
  }
}

template <class V>
void conv2d_s8_real(const Conv2dArgs& a, const Io& io) noexcept {
  const ReadS8<V> read{static_cast<const int8_t*>(io.input[0]), a.integer.input_zero_point};
  void* end;
  const PaddedImage<V> image = padded_image<V>(a, read, io.scratch, end);
  auto* start = static_cast<int32_t*>(end);
  fill_starts<V>(read, a.integer, a.out_c, start);
  conv2d_blocks<V>(a, image, start, through_memory<V>(StoreHybrid<V>{static_cast<float*>(io.output), a.out_c, 1, a.real}));
}

/// Row by row: the sums of the upper bytes wait in scratch for those of the lower ones.
template <class V>
void conv2d_s16(const Conv2dArgs& a, const Io& io) noexcept {
  const ReadS16<V> read{static_cast<const int16_t*>(io.input[0])};
  void* end;
  const PaddedImage<V> image = padded_image<V>(a, read, io.scratch, end);
  auto* start = static_cast<int32_t*>(end);
  fill_starts<V>(read, a.integer, a.out_c, start);
  const KeepSums<V> upper{static_cast<int32_t*>(aligned(start + 2 * a.out_c + kChannelPadding)), a.out_c};
  StoreS16<V> result{static_cast<int16_t*>(io.output), a.out_c, a.integer, upper};
  Conv2dArgs row = a;
  row.out_h = 1;
  for (int y = 0; y < a.out_h; ++y, result.output += static_cast<ptrdiff_t>(a.out_w) * a.out_c) {
    PaddedImage<V> part = image;
    part.data += y * a.stride_h * image.pitch;
    conv2d_blocks<V>(row, part, start, through_memory<V>(upper));
    part.data += image.plane;
    conv2d_blocks<V>(row, part, start + a.out_c, through_memory<V>(result));
  }
}

template <class V>
void conv2d_hybrid(const Conv2dArgs& a, const Io& io) noexcept {
  const ReadHybrid<V> read(static_cast<const float*>(io.input[0]), static_cast<ptrdiff_t>(a.in_h) * a.in_w * a.in_c);
  void* end;
  const PaddedImage<V> image = padded_image<V>(a, read, io.scratch, end);
  auto* start = static_cast<int32_t*>(end);
  fill_starts<V>(read, a.integer, a.out_c, start);
  conv2d_blocks<V>(a, image, start,
                   through_memory<V>(StoreHybrid<V>{static_cast<float*>(io.output), a.out_c, read.scale.scale, a.real}));
}

// One kernel per variant, register wrapper and way of the windows.
template <class V>
constexpr PackedLayout kConv2dLayout{V::kLanes, V::kLanes* V::kMaxConvVectors, V::kGroup, WeightStorage::plain, true};
template <class V, template <class> class Windows = AllGroups>
constexpr PackedKernel<Conv2dArgs> kConv2dReal{kConv2dLayout<V>, conv2d_real<V, Windows>};
template <class V>
constexpr PackedKernel<Conv2dArgs> kConv2dS8{kConv2dLayout<V>, conv2d_s8<V>};
template <class V>
constexpr PackedKernel<Conv2dArgs> kConv2dS16{kConv2dLayout<V>, conv2d_s16<V>};
template <class V>
constexpr PackedKernel<Conv2dArgs> kConv2dHybrid{kConv2dLayout<V>, conv2d_hybrid<V>};
template <class V>
constexpr PackedKernel<Conv2dArgs> kConv2dS8Real{kConv2dLayout<V>, conv2d_s8_real<V>};

}  // namespace
}  // namespace slimpilot
