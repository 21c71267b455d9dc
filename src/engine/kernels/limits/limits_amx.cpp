// SPDX-License-Identifier: Apache-2.0
// The limits of AMX: two tiles of inputs times two of weights, as convolutions multiply them.
#include "engine/kernels/conv2d/conv2d_tiles.h"
#include "engine/kernels/limits/limits.h"
#include "engine/kernels/simd_amx.h"
#include "engine/kernels/simd_avx512bf16.h"

namespace slimpilot::amx {
namespace {

template <class T>
double tile_loop(int64_t rounds) noexcept {
  alignas(64) typename T::Sum zeros[16 * 16] = {};
  T::configure(tile_config(kTileRows, kTileRows));
  T::template load<0>(zeros, 64), T::template load<1>(zeros, 64), T::template load<2>(zeros, 64);
  T::template load<3>(zeros, 64), T::template load<4>(zeros, 64), T::template load<5>(zeros, 64);
  T::template load<6>(zeros, 64), T::template load<7>(zeros, 64);
  for (int64_t i = 0; i < rounds; ++i) {
    T::template multiply_add<0, 4, 6>(), T::template multiply_add<1, 4, 7>();
    T::template multiply_add<2, 5, 6>(), T::template multiply_add<3, 5, 7>();
  }
  T::template store<0>(zeros, 64);
  T::release();
  return static_cast<double>(zeros[0]);
}

template <class T>
constexpr LimitLoop kTileLoop{tile_loop<T>, int64_t{4} * 16 * 16 * 16 * T::kGroup};

}  // namespace

const LimitLoops limit_loops = {.reduced = kTileLoop<TilesBf16<AmxTiles, Bfloat16Avx512>>,
                                .integer = kTileLoop<TilesS8<AmxTiles>>};

}  // namespace slimpilot::amx
