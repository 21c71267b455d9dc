// SPDX-License-Identifier: Apache-2.0
// Convolution and dense layers with matrix tiles (AMX). Because images are NHWC, the windows of neighbouring pixels begin
// stride_w·C numbers apart, so a tile of inputs is read straight from the image, a pixel in each row: no im2col. Up to four
// tiles of sums, pixels times outputs, are made at a time. The tile registers T are AMX's (simd_amx.h) or, in tests, emulated
// ones; V makes the results of their sums.
#pragma once

#include "engine/kernels/conv2d/conv2d_bf16.h"
#include "engine/kernels/conv2d/conv2d_narrow.h"
#include "engine/kernels/dense/dense.h"

namespace slimpilot {
namespace {

constexpr int kTileRows = 16;

/// What LDTILECFG reads: palette 1 has eight tiles of up to 16 rows of 64 bytes.
struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};
static_assert(sizeof(TileConfig) == 64);

/// Tiles 0…3 are sums, [pixels · N + outputs]; 4 and 5 inputs of two tiles of pixels; 6 and 7 weights, in turn.
constexpr int kInputTile = 4, kWeightTile = 6, kTileVectors = 4;

/// A block of one or two vectors of outputs is summed for two tiles of pixels at a time, a wider one for one: as a sum waits
/// for itself, four in turn keep the multiplier busy, and three nearly.
constexpr int tiles_at_once(int vectors) { return vectors <= 2 ? 2 : 1; }

inline TileConfig tile_config(int pixels, int groups) {
  TileConfig config;
  for (int tile = 0; tile < 8; ++tile) {
    const bool inputs = tile == kInputTile || tile == kInputTile + 1;
    config.row_bytes[tile] = static_cast<uint16_t>(inputs ? 4 * groups : 64);
    config.rows[tile] = static_cast<uint8_t>(tile >= kWeightTile ? groups : pixels);
  }
  return config;
}

/// The numbers that a tile multiplies; `Registers` are real or emulated.
template <class Registers>
struct TilesS8 : Registers {
  using In = int8_t;
  using Weight = int8_t;
  using Sum = int32_t;
  static constexpr int kGroup = 4;
  static constexpr bool kSubtractZero = false;  // see IntegerAvx2; both factors are signed
  static constexpr int kSignedOffset = 0;
  template <int C, int A, int B>
  static void multiply_add() {
    Registers::template multiply_add_s8<C, A, B>();
  }
};

template <class Registers, class Rounding>
struct TilesBf16 : Registers {
  using In = uint16_t;
  using Weight = uint16_t;
  using Sum = float;
  static constexpr int kGroup = 2;
  static void round(const float* x, ptrdiff_t count, In* target) { Rounding::round(x, count, target); }
  template <int C, int A, int B>
  static void multiply_add() {
    Registers::template multiply_add_bf16<C, A, B>();
  }
};

/// How the windows of a layer are cut. Each row of them is `chunks` tiles of `chunk` numbers: a divisor, so that tiles keep one
/// shape. Each row of the result is `tiles` tiles of `pixels`; the last one reaches back over what is already done.
struct TileWalk {
  int groups, chunk, chunks, pixels, tiles;
  ptrdiff_t pixel_bytes;

  template <class T>
  static TileWalk of(const Conv2dArgs& a) {
    TileWalk w{};
    w.groups = (a.kernel_w * a.in_c + T::kGroup - 1) / T::kGroup;
    int in_chunk = w.groups < kTileRows ? w.groups : kTileRows;
    while (w.groups % in_chunk != 0) --in_chunk;
    w.chunk = in_chunk * T::kGroup, w.chunks = w.groups / in_chunk;
    w.tiles = (a.out_w + kTileRows - 1) / kTileRows;
    w.pixels = (a.out_w + w.tiles - 1) / w.tiles;
    w.pixel_bytes = static_cast<ptrdiff_t>(a.stride_w) * a.in_c * static_cast<ptrdiff_t>(sizeof(typename T::In));
    return w;
  }
  int first_pixel(const Conv2dArgs& a, int tile) const {
    const int ox = tile % tiles * pixels;
    return tile / tiles * a.out_w + (ox + pixels <= a.out_w ? ox : a.out_w - pixels);
  }
};

/// Calls f.operator()<I>() for every I < N.
template <int N, int I = 0, class F>
inline __attribute__((always_inline)) void each_below(F&& f) {
  if constexpr (I < N) f.template operator()<I>(), each_below<N, I + 1>(f);
}

/// Adds the windows at `x` of P tiles of pixels to N tiles of outputs, which begin as `start`; writes [P][pixel][N · 16] sums.
template <class T, int P, int N>
void sum_tiles(const TileWalk& walk, int rows, ptrdiff_t pitch, const typename T::In* const* x,
               const typename T::Weight* weights, const typename T::Sum* start, typename T::Sum* sums) {
  static_assert(P * N <= kInputTile);
  constexpr ptrdiff_t kWeightRow = N * 64;
  each_below<P * N>([&]<int I>() { T::template load<I>(start + I % N * 16, 0); });  // every row the same
  for (int row = 0; row < rows; ++row)
    for (int chunk = 0; chunk < walk.chunks; ++chunk, weights += static_cast<ptrdiff_t>(walk.chunk) * N * 16) {
      const ptrdiff_t k = row * pitch + static_cast<ptrdiff_t>(chunk) * walk.chunk;
      each_below<P>([&]<int Q>() { T::template load<kInputTile + Q>(x[Q] + k, walk.pixel_bytes); });
      each_below<N>([&]<int O>() {
        constexpr int kTile = kWeightTile + O % 2;
        T::template load<kTile>(weights + O * 16 * T::kGroup, kWeightRow);
        each_below<P>([&]<int Q>() { T::template multiply_add<Q * N + O, kInputTile + Q, kTile>(); });
      });
    }
  each_below<P * N>([&]<int I>() { T::template store<I>(sums + I / N * kTileRows * N * 16 + I % N * 16, kWeightRow); });
}

template <class T>
using SumTiles = decltype(&sum_tiles<T, 1, 1>);

/// Of a block of `vectors`; `at_once` tiles of pixels, or one where a layer has no more.
template <class T>
SumTiles<T> sum_function(int at_once, int vectors) {
  switch (vectors) {
    case 1: return at_once == 2 ? sum_tiles<T, 2, 1> : sum_tiles<T, 1, 1>;
    case 2: return at_once == 2 ? sum_tiles<T, 2, 2> : sum_tiles<T, 1, 2>;
    case 3: return sum_tiles<T, 1, 3>;
    default: return sum_tiles<T, 1, 4>;
  }
}

/// Real results of a block of vectors of outputs, from sums [pixel][vectors · 16].
template <class V>
struct RealTiles {
  StoreReal<V> store;
  int first, vectors;

  RealTiles(const Conv2dArgs& a, const Io& io, int first_output, int count)
      : store{static_cast<float*>(io.output), a.out_c, a.real}, first(first_output), vectors(count) {}
  void operator()(const typename V::Sum* sums, int pixels, int pixel) const {
    for (int p = 0; p < pixels; ++p)
      for (int n = 0; n < vectors; ++n, sums += V::kLanes) {
        const typename V::Vector sum[1][1] = {{V::load_sum(sums)}};
        store(sum, pixel + p, first + n * V::kLanes);
      }
  }
};

/// The same in bytes, vector by vector, four pixels at a time; the last ones reach back over what is already done.
template <class V>
struct ByteTiles {
  NarrowS8<V, 1> store[kTileVectors];
  int vectors;

  ByteTiles(const Conv2dArgs& a, const Io& io, int first, int count) : vectors(count) {
    for (int n = 0; n < count; ++n) store[n] = NarrowS8<V, 1>(a, static_cast<int8_t*>(io.output), first + n * V::kLanes);
  }
  void operator()(const int32_t* sums, int pixels, int pixel) const {
    const ptrdiff_t pitch = static_cast<ptrdiff_t>(vectors) * V::kLanes;
    for (int n = 0; n < vectors; ++n) {
      const auto load = [&](int p) { return V::load_sum(sums + p * pitch + n * V::kLanes); };
      if (pixels < V::kPixels)
        for (int p = 0; p < pixels; ++p) {
          const typename V::Vector sum[1][1] = {{load(p)}};
          store[n](sum, pixel + p, 0);
        }
      else
        for (int done = 0; done < pixels; done += V::kPixels) {
          const int at = done + V::kPixels <= pixels ? done : pixels - V::kPixels;
          const typename V::Vector sum[4][1] = {{load(at)}, {load(at + 1)}, {load(at + 2)}, {load(at + 3)}};
          store[n](sum, pixel + at, 0);
        }
    }
  }
};

/// `pixels` windows of `numbers` each, side by side, are an image of one row under a layer of one cell.
template <class Args>
Conv2dArgs side_by_side(const Args& layer, int pixels, int numbers, int outputs) {
  Conv2dArgs a{};
  a.in_h = a.out_h = a.kernel_h = a.kernel_w = a.stride_h = a.stride_w = 1;
  a.in_w = a.out_w = pixels, a.in_c = numbers, a.out_c = a.tensor_c = outputs;
  a.weights = layer.weights, a.real = layer.real, a.integer = layer.integer;
  return a;
}

/// Windows where they are in the image.
template <class T>
struct WindowsInPlace {
  const Conv2dArgs& a;
  const PaddedImage<T>& image;

  void prepare(int, int) {}
  const typename T::In* at(int pixel) const {
    const int oy = pixel / a.out_w, ox = pixel % a.out_w;
    return image.data + oy * a.stride_h * image.pitch + static_cast<ptrdiff_t>(ox) * a.stride_w * a.in_c;
  }
};

/// Three or five rows of a window that fill a quarter of a tile's or less, as those of a camera's three channels, are copied,
/// so that all rows of the window are one: some hundred windows at a time. Of bytes alone, whose sums are the same in any
/// order.
template <class T>
struct GatheredWindows {
  using In = typename T::In;
  static constexpr int kRowBytes = 16, kBytes = 16384;
  const Conv2dArgs& a;
  const PaddedImage<T>& image;
  int window;              // numbers
  int first = 0, end = 0;  // windows that are here
  alignas(64) In windows[kBytes + kRowBytes];

  GatheredWindows(const Conv2dArgs& layer, const PaddedImage<T>& of) : a(layer), image(of), window(window_of(layer)) {}
  static int row_of(const Conv2dArgs& a) { return TileWalk::of<T>(a).groups * T::kGroup; }
  static int window_of(const Conv2dArgs& a) { return a.kernel_h * row_of(a); }
  static bool suit(const Conv2dArgs& a) {
    return sizeof(In) == 1 && (a.kernel_h == 3 || a.kernel_h == 5) && row_of(a) <= kRowBytes;
  }
  void prepare(int from, int to) {
    if (first <= from && to <= end) return;
    const int all = a.out_h * a.out_w, most = kBytes / window;
    first = from, end = from + most < all ? from + most : all;
    a.kernel_h == 3 ? copy<3>(image.pitch, window / 3) : copy<5>(image.pitch, window / 5);
  }
  /// The number of rows and what does not change are known to the compiler, or this takes longer than it saves.
  template <int Rows>
  void copy(ptrdiff_t pitch, ptrdiff_t row_length) {
    Windows<In> source(a, image.data, pitch, first);
    In* target = windows;
    for (int left = end - first; left > 0; --left, source.next()) {
      const In* x = source.x;
#pragma GCC unroll 5
      for (int y = 0; y < Rows; ++y, x += pitch, target += row_length) __builtin_memcpy(target, x, kRowBytes);
    }
  }
  const In* at(int pixel) const { return windows + static_cast<ptrdiff_t>(pixel - first) * window; }
};

/// `start`: what the sums of the outputs begin as, readable up to a multiple of 16. The tiles are configured once and given
/// back at the end, so that between steps the system has no kilobytes of registers to save.
template <class T, class Result, class Source>
void conv2d_tiles_from(const Conv2dArgs& a, const Io& io, Source& windows, ptrdiff_t pitch, const typename T::Sum* start) {
  const TileWalk walk = TileWalk::of<T>(a);
  const int tiles = a.out_h * walk.tiles;
  alignas(64) typename T::Sum sums[kTileVectors * kTileRows * 16];
  const auto* weights = static_cast<const typename T::Weight*>(a.weights);
  T::configure(tile_config(walk.pixels, walk.chunk / T::kGroup));
  for (int first = 0; first < a.out_c;) {
    const int left = (a.out_c - first + 15) / 16, vectors = left < kTileVectors ? left : kTileVectors;
    const int at_once = tiles_at_once(vectors) < tiles ? tiles_at_once(vectors) : tiles;
    const SumTiles<T> sum = sum_function<T>(at_once, vectors);
    const Result result(a, io, first, vectors);
    for (int done = 0; done < tiles; done += at_once) {
      const int tile = done + at_once <= tiles ? done : tiles - at_once;  // reaches back over what is already done
      const int pixel[2] = {walk.first_pixel(a, tile), walk.first_pixel(a, tile + at_once - 1)};
      windows.prepare(pixel[0], pixel[1] + walk.pixels);
      const typename T::In* const x[2] = {windows.at(pixel[0]), windows.at(pixel[1])};
      sum(walk, a.kernel_h, pitch, x, weights, start + first, sums);
      for (int p = 0; p < at_once; ++p) result(sums + p * kTileRows * vectors * 16, walk.pixels, pixel[p]);
    }
    first += vectors * 16;
    weights += static_cast<ptrdiff_t>(a.kernel_h) * walk.groups * T::kGroup * vectors * 16;
  }
  T::release();
}

/// The layer whose windows are gathered.
template <class T>
Conv2dArgs gathered(const Conv2dArgs& a) {
  return side_by_side(a, a.out_h * a.out_w, GatheredWindows<T>::window_of(a), a.out_c);
}

template <class T, class Result>
void conv2d_tiles(const Conv2dArgs& a, const Io& io, const PaddedImage<T>& image, const typename T::Sum* start) {
  if (!GatheredWindows<T>::suit(a)) {
    WindowsInPlace<T> windows{a, image};
    return conv2d_tiles_from<T, Result>(a, io, windows, image.pitch, start);
  }
  GatheredWindows<T> windows(a, image);
  conv2d_tiles_from<T, Result>(gathered<T>(a), io, windows, 0, start);
}

/// A tile is multiplied as long whatever is in it.
template <class T>
int64_t conv2d_tiles_issued(const Conv2dArgs& layer) noexcept {
  const Conv2dArgs a = GatheredWindows<T>::suit(layer) ? gathered<T>(layer) : layer;
  const TileWalk walk = TileWalk::of<T>(a);
  const int64_t tiles = static_cast<int64_t>(a.out_h) * walk.tiles * ((a.out_c + 15) / 16) * a.kernel_h * walk.chunks;
  return tiles * kTileRows * 16 * kTileRows * T::kGroup;
}

/// Reads the image where it is unless it needs padding.
template <class T, class V>
void conv2d_tiles_s8(const Conv2dArgs& a, const Io& io) noexcept {
  const ReadS8<T> read{static_cast<const int8_t*>(io.input[0]), a.integer.input_zero_point};
  PaddedImage<T> image{read.input, static_cast<ptrdiff_t>(a.in_w) * a.in_c, 0};
  void* end = aligned(io.scratch);
  if (a.pad_top | a.pad_bottom | a.pad_left | a.pad_right) image = padded_image<T>(a, read, io.scratch, end);
  auto* start = static_cast<int32_t*>(end);
  fill_starts<T>(read, a.integer, a.out_c, start);
  conv2d_tiles<T, ByteTiles<V>>(a, io, image, start);
}

template <class T, class V>
void conv2d_tiles_bf16(const Conv2dArgs& a, const Io& io) noexcept {
  void* end;
  const PaddedImage<T> image = bf16_image<T>(a, io, end);
  conv2d_tiles<T, RealTiles<V>>(a, io, image, a.real.bias);
}

/// A dense layer is a convolution whose pixels are its rows.
inline Conv2dArgs convolution_of(const DenseArgs& a) { return side_by_side(a, a.rows, a.inputs, a.outputs); }
template <class T, class V>
void dense_tiles_s8(const DenseArgs& a, const Io& io) noexcept {
  conv2d_tiles_s8<T, V>(convolution_of(a), io);
}
template <class T>
int64_t dense_tiles_issued(const DenseArgs& a) noexcept {
  return conv2d_tiles_issued<T>(convolution_of(a));
}

template <class T>
constexpr PackedLayout kTileLayout{16, kTileVectors * 16, T::kGroup};
template <class T, class V>
constexpr PackedKernel<Conv2dArgs> kConv2dTilesS8{kTileLayout<T>, conv2d_tiles_s8<T, V>, conv2d_tiles_issued<T>};
template <class T, class V>
constexpr PackedKernel<Conv2dArgs> kConv2dTilesBf16{kTileLayout<T>, conv2d_tiles_bf16<T, V>, conv2d_tiles_issued<T>};
template <class T, class V>
constexpr PackedKernel<DenseArgs> kDenseTilesS8{kTileLayout<T>, dense_tiles_s8<T, V>, dense_tiles_issued<T>};

}  // namespace
}  // namespace slimpilot
