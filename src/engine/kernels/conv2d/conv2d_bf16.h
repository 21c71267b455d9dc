// SPDX-License-Identifier: Apache-2.0
// Convolution of real numbers that are rounded to bfloat16 while the image is copied. The tiles are those of conv2d_generic.h.
#pragma once

#include "engine/kernels/conv2d/conv2d_generic.h"

namespace slimpilot {
namespace {

template <class V>
struct ReadBf16 {
  static constexpr int kPlanes = 1;
  const float* input;
  typename V::In padding(int) const { return 0; }
  void operator()(int, ptrdiff_t first, int count, typename V::In* target) const { V::round(input + first, count, target); }
};

/// The image as bfloat16 in scratch. Where the last window reaches over its end, its weight is 0, and there must be no NaN.
template <class V>
PaddedImage<V> bf16_image(const Conv2dArgs& a, const Io& io, void*& end) {
  const ReadBf16<V> read{static_cast<const float*>(io.input[0])};
  const PaddedImage<V> image = padded_image<V>(a, read, io.scratch, end);
  for (int i = 0; i < V::kGroup; ++i) static_cast<typename V::In*>(aligned(io.scratch))[image.plane + i] = 0;
  return image;
}

template <class V>
void conv2d_bf16(const Conv2dArgs& a, const Io& io) noexcept {
  void* end;
  const PaddedImage<V> image = bf16_image<V>(a, io, end);
  conv2d_blocks<V>(a, image, a.real.bias, StoreReal<V>{static_cast<float*>(io.output), a.out_c, a.real});
}

template <class V>
constexpr PackedKernel<Conv2dArgs> kConv2dBf16{kConv2dLayout<V>, conv2d_bf16<V>};

}  // namespace
}  // namespace slimpilot
