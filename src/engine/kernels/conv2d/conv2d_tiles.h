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
void sum_tiles(const TileWalk& walk, int rows, ptrdiff_t pitch, const typename T::In* const (&x)[P],
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

/// Real results of a block of N vectors of outputs, from sums [pixel][N · 16].
template <class V, int N>
struct RealTiles {
  StoreReal<V> store;
  int first;

  RealTiles(const Conv2dArgs& a, const Io& io, int first_output)
      : store{static_cast<float*>(io.output), a.out_c, a.real}, first(first_output) {}
  void operator()(const typename V::Sum* sums, int pixels, int pixel) const {
    for (int p = 0; p < pixels; ++p, sums += N * V::kLanes) {
      typename V::Vector sum[1][N];
      for (int n = 0; n < N; ++n) sum[0][n] = V::load_sum(sums + n * V::kLanes);
      store(sum, pixel + p, first);
    }
  }
};

/// The same in bytes, V::kPixels at a time; the last ones reach back over what is already done.
template <class V, int N>
struct ByteTiles {
  NarrowS8<V, N> store;

  ByteTiles(const Conv2dArgs& a, const Io& io, int first_output) : store(a, static_cast<int8_t*>(io.output), first_output) {}
  void operator()(const int32_t* sums, int pixels, int pixel) const {
    if (pixels < V::kPixels) return store.store_each(sums, pixel, pixels);
    for (int done = 0; done < pixels; done += V::kPixels) {
      const int at = done + V::kPixels <= pixels ? done : pixels - V::kPixels;
      typename V::Vector sum[V::kPixels][N];
#pragma GCC unroll 4
      for (int p = 0; p < V::kPixels; ++p)
#pragma GCC unroll 2
        for (int n = 0; n < N; ++n) sum[p][n] = V::load_sum(sums + ((at + p) * N + n) * V::kLanes);
      store(sum, pixel + at, 0);
    }
  }
};

/// Their kinds, for any N.
template <class V>
struct Results {
  template <int N>
  using Real = RealTiles<V, N>;
  template <int N>
  using Bytes = ByteTiles<V, N>;
};

template <class T, int P, int N, class Result>
void conv2d_tile_group(const Conv2dArgs& a, const TileWalk& walk, const PaddedImage<T>& image, const OutputBlock<T>& block,
                       int tile, const Result& result) {
  alignas(64) typename T::Sum sums[P * kTileRows * N * 16];
  const typename T::In* x[P];
  for (int p = 0; p < P; ++p) {
    const int pixel = walk.first_pixel(a, tile + p), oy = pixel / a.out_w, ox = pixel % a.out_w;
    x[p] = image.data + oy * a.stride_h * image.pitch + static_cast<ptrdiff_t>(ox) * a.stride_w * a.in_c;
  }
  sum_tiles<T, P, N>(walk, a.kernel_h, image.pitch, x, block.weights, block.start + block.first, sums);
  for (int p = 0; p < P; ++p) result(sums + p * kTileRows * N * 16, walk.pixels, walk.first_pixel(a, tile + p));
}

template <class T, int N, class Result>
void conv2d_tile_block(const Conv2dArgs& a, const TileWalk& walk, const PaddedImage<T>& image, const OutputBlock<T>& block,
                       const Result& result) {
  const int tiles = a.out_h * walk.tiles;
  constexpr int kAtOnce = tiles_at_once(N);
  int tile = 0;
  for (; tile + kAtOnce <= tiles; tile += kAtOnce) conv2d_tile_group<T, kAtOnce, N>(a, walk, image, block, tile, result);
  if (tile < tiles) conv2d_tile_group<T, 1, N>(a, walk, image, block, tile, result);
}

/// `start`: what the sums of the outputs begin as, readable up to a multiple of 16. The tiles are configured once and given
/// back at the end, so that between steps the system has no kilobytes of registers to save.
template <class T, template <int> class Result>
void conv2d_tiles(const Conv2dArgs& a, const Io& io, const PaddedImage<T>& image, const typename T::Sum* start) {
  const TileWalk walk = TileWalk::of<T>(a);
  OutputBlock<T> block{0, static_cast<const typename T::Weight*>(a.weights), start};
  T::configure(tile_config(walk.pixels, walk.chunk / T::kGroup));
  while (block.first < a.out_c) {
    const int left = (a.out_c - block.first + 15) / 16, vectors = left < kTileVectors ? left : kTileVectors;
    each_below<kTileVectors>([&]<int I>() {
      constexpr int kVectors = I + 1;
      if (vectors == kVectors) conv2d_tile_block<T, kVectors>(a, walk, image, block, Result<kVectors>(a, io, block.first));
    });
    block.first += vectors * 16;
    block.weights += static_cast<ptrdiff_t>(a.kernel_h) * walk.groups * T::kGroup * vectors * 16;
  }
  T::release();
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
  conv2d_tiles<T, Results<V>::template Bytes>(a, io, image, start);
}

template <class T, class V>
void conv2d_tiles_bf16(const Conv2dArgs& a, const Io& io) noexcept {
  void* end;
  const PaddedImage<T> image = bf16_image<T>(a, io, end);
  conv2d_tiles<T, Results<V>::template Real>(a, io, image, a.real.bias);
}

/// A dense layer is a convolution of one cell over an image of one row, whose pixels are its rows.
template <class T, class V>
void dense_tiles_s8(const DenseArgs& a, const Io& io) noexcept {
  Conv2dArgs pixels{};
  pixels.in_h = pixels.out_h = pixels.kernel_h = pixels.kernel_w = pixels.stride_h = pixels.stride_w = 1;
  pixels.in_w = pixels.out_w = a.rows, pixels.in_c = a.inputs, pixels.out_c = pixels.tensor_c = a.outputs;
  pixels.weights = a.weights, pixels.real = a.real, pixels.integer = a.integer;
  conv2d_tiles_s8<T, V>(pixels, io);
}

template <class T>
constexpr PackedLayout kTileLayout{16, kTileVectors * 16, T::kGroup};
template <class T, class V>
constexpr PackedKernel<Conv2dArgs> kConv2dTilesS8{kTileLayout<T>, conv2d_tiles_s8<T, V>};
template <class T, class V>
constexpr PackedKernel<Conv2dArgs> kConv2dTilesBf16{kTileLayout<T>, conv2d_tiles_bf16<T, V>};
template <class T, class V>
constexpr PackedKernel<DenseArgs> kDenseTilesS8{kTileLayout<T>, dense_tiles_s8<T, V>};

}  // namespace
}  // namespace slimpilot
