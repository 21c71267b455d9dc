// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/elementwise/elementwise_products.h"

namespace slimpilot::avx512vnni {
namespace {

void multiply_s8(const BinaryArgs& a, const Io& io) noexcept {
  using V = Products::V;
  const Products products(a);
  const auto *x = static_cast<const int8_t*>(io.input[0]), *z = static_cast<const int8_t*>(io.input[1]);
  const __m256i scalar = V::same(*z);
  auto* y = static_cast<int8_t*>(io.output);
  for (int64_t i = 0; i < a.count; i += 32) {
    const V::Bytes bytes = a.b_count == 1 ? products.of_32(x + i, [&](int) { return scalar; })
                                          : products.of_32(x + i, [&](int k) { return V::load_s8(z + i + k); });
    if (a.count - i >= 32)
      __builtin_memcpy(y + i, &bytes, sizeof bytes);
    else
      __builtin_memcpy(y + i, &bytes, static_cast<size_t>(a.count - i));
  }
}

}  // namespace

const ElementwiseKernels elementwise = {
    .add_s8 = add_s8<IntegerAvx512Vnni>,
    .multiply_s8 = multiply_s8,
};

}  // namespace slimpilot::avx512vnni
