// SPDX-License-Identifier: Apache-2.0
// The kernels of conv2d_tiles.h with AMX's registers; one file, so that dense layers share the code of convolutions.
#include "engine/kernels/conv2d/conv2d_tiles.h"
#include "engine/kernels/simd_amx.h"
#include "engine/kernels/simd_avx512bf16.h"
#include "engine/kernels/simd_avx512vnni.h"

namespace slimpilot::amx {

using TilesOfBytes = TilesS8<AmxTiles>;

const Conv2dKernels conv2d = {
    .name = "amx",
    .bf16 = kConv2dTilesBf16<TilesBf16<AmxTiles, Bfloat16Avx512>, RealAvx512>,
    .s8 = kConv2dTilesS8<TilesOfBytes, NarrowAvx512Vnni>,
};

const DenseKernels dense = {
    .name = "amx",
    .s8 = kDenseTilesS8<TilesOfBytes, NarrowAvx512Vnni>,
};

}  // namespace slimpilot::amx
