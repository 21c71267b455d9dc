// SPDX-License-Identifier: Apache-2.0
// Dense layers of real numbers that are rounded to bfloat16 first, so that weights are half as many bytes.
#pragma once

#include "engine/kernels/dense/dense_generic.h"

namespace slimpilot {
namespace {

template <class V, class Sums>
void dense_bf16(const DenseArgs& a, const Io& io) noexcept {
  StoreReal<V> result{static_cast<float*>(io.output), a.outputs, a.real};
  const ptrdiff_t padded = static_cast<ptrdiff_t>(groups_of<V>(a)) * V::kGroup;
  auto* inputs = static_cast<typename V::In*>(aligned(io.scratch));
  auto* sums = static_cast<float*>(aligned(inputs + padded));
  const RowSums<V> all{a.real.bias, 0, sums, padded_outputs<V>(a)};
  for (int row = 0; row < a.rows; ++row, result.output += a.outputs) {
    V::round(static_cast<const float*>(io.input[0]) + static_cast<ptrdiff_t>(row) * a.inputs, a.inputs, inputs);
    for (ptrdiff_t i = a.inputs; i < padded; ++i) inputs[i] = 0;
    Sums::template run<1>(a, {inputs, padded}, all, sums + all.padded);
    store_row(all, result);
  }
}

template <class V, template <class> class Sums>
constexpr PackedKernel<DenseArgs> kDenseBf16{Sums<V>::kLayout, dense_bf16<V, Sums<V>>};

}  // namespace
}  // namespace slimpilot
