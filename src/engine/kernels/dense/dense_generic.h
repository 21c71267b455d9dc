// SPDX-License-Identifier: Apache-2.0
// Dense layers for any register wrapper V (simd_*.h). A block of outputs stays in registers while the inputs run by; inputs
// (groups of inputs) that are zero are listed once and their weights never read, which changes no result.
#pragma once

#include "engine/kernels/dense/dense.h"
#include "engine/kernels/packed_input.h"
#include "engine/kernels/packed_result.h"

namespace slimpilot {
namespace {

/// One row's inputs in the wrapper's type, filled up to whole groups of the layout with zeros; planes (see ReadS16) of `plane`
/// elements lie one after the other.
template <class V>
struct RowInputs {
  const typename V::In* data;
  ptrdiff_t plane;
};

/// The groups of one row that are not all zero. Planes are listed together.
template <class V>
struct ActiveInputs : RowInputs<V> {
  const int32_t* group;
  int count;
};

/// `list` needs room for one index per group.
template <class V, int Planes>
ActiveInputs<V> active_inputs(const RowInputs<V>& x, int groups, int32_t* list) {
  int count = 0;
  for (int g = 0; g < groups; ++g) {
    bool active = false;
    for (int p = 0; p < Planes; ++p)
      for (int i = 0; i < V::kGroup; ++i) active |= x.data[p * x.plane + g * V::kGroup + i] != 0;
    list[count] = g;
    count += active;
  }
  return {x, list, count};
}

template <class V>
int groups_of(const DenseArgs& a) {
  return (a.inputs + V::kGroup - 1) / V::kGroup;
}

/// Start values and sums of one row, plane by plane, `padded` sums in each: whole vectors.
template <class V>
struct RowSums {
  const typename V::Sum* start;
  ptrdiff_t start_stride;
  typename V::Sum* sums;
  int padded;
};

template <class V, int Planes, int N>
void dense_block(const ActiveInputs<V>& x, const typename V::Weight* w, const RowSums<V>& row, int first) {
  constexpr ptrdiff_t kStep = N * V::kLanes * V::kGroup;
  typename V::Vector sum[Planes][N];
  for (int p = 0; p < Planes; ++p)
    for (int n = 0; n < N; ++n) sum[p][n] = V::load_sum(row.start + p * row.start_stride + first + n * V::kLanes);
  for (int i = 0; i < x.count; ++i) {
    const ptrdiff_t group = x.group[i];
    const typename V::Weight* weights = w + group * kStep;
    typename V::Vector input[Planes];
    for (int p = 0; p < Planes; ++p) input[p] = V::broadcast(x.data + p * x.plane + group * V::kGroup);
    for (int n = 0; n < N; ++n) {
      const typename V::Vector weight = V::load_weights(weights + n * V::kLanes * V::kGroup);
      for (int p = 0; p < Planes; ++p) sum[p][n] = V::multiply_add(sum[p][n], input[p], weight);
    }
  }
  for (int p = 0; p < Planes; ++p)
    for (int n = 0; n < N; ++n) V::store_sum(row.sums + p * row.padded + first + n * V::kLanes, sum[p][n]);
}

/// How a layer's sums are made: in registers, block by block.
template <class V>
struct InRegisters {
  static constexpr PackedLayout kLayout{V::kLanes, V::kLanes* V::kMaxDenseVectors, V::kGroup};

  template <int Planes>
  static void run(const DenseArgs& a, const RowInputs<V>& inputs, const RowSums<V>& row, void* scratch) {
    const int groups = groups_of<V>(a);
    const ActiveInputs<V> x = active_inputs<V, Planes>(inputs, groups, static_cast<int32_t*>(scratch));
    const auto* w = static_cast<const typename V::Weight*>(a.weights);
    for (int first = 0; first < a.outputs;) {
      const int left = (a.outputs - first + V::kLanes - 1) / V::kLanes;
      const int vectors = left < V::kMaxDenseVectors ? left : V::kMaxDenseVectors;
      switch (vectors) {
        case 1: dense_block<V, Planes, 1>(x, w, row, first); break;
        case 2: dense_block<V, Planes, 2>(x, w, row, first); break;
        case 3: dense_block<V, Planes, 3>(x, w, row, first); break;
        case 4: dense_block<V, Planes, 4>(x, w, row, first); break;
        case 5: dense_block<V, Planes, 5>(x, w, row, first); break;
        case 6: dense_block<V, Planes, 6>(x, w, row, first); break;
        case 7: dense_block<V, Planes, 7>(x, w, row, first); break;
        case 8: dense_block<V, Planes, 8>(x, w, row, first); break;
      }
      first += vectors * V::kLanes;
      w += static_cast<ptrdiff_t>(groups) * vectors * V::kLanes * V::kGroup;
    }
  }
};

/// Adds R active inputs to all sums, and asks for the weights of the R inputs after them: which those are no hardware can
/// guess.
template <class V, int Planes, int R>
void add_inputs(const ActiveInputs<V>& x, int first, const typename V::Weight* w, const RowSums<V>& all) {
  typename V::Vector input[Planes][R];
  const typename V::Weight *row[R], *next[R];
  const auto weights_of = [&](int i) { return w + static_cast<ptrdiff_t>(x.group[i]) * all.padded * V::kGroup; };
  for (int r = 0; r < R; ++r) {
    const ptrdiff_t group = x.group[first + r];
    row[r] = weights_of(first + r);
    next[r] = weights_of(first + R + r < x.count ? first + R + r : first + r);
    for (int p = 0; p < Planes; ++p) input[p][r] = V::broadcast(x.data + p * x.plane + group * V::kGroup);
  }
  for (int o = 0; o < all.padded; o += V::kLanes) {
    typename V::Vector sum[Planes];
    for (int p = 0; p < Planes; ++p) sum[p] = V::load_sum(all.sums + p * all.padded + o);
    for (int r = 0; r < R; ++r) {
      __builtin_prefetch(next[r] + static_cast<ptrdiff_t>(o) * V::kGroup);
      const typename V::Vector weight = V::load_weights(row[r] + static_cast<ptrdiff_t>(o) * V::kGroup);
      for (int p = 0; p < Planes; ++p) sum[p] = V::multiply_add(sum[p], input[p][r], weight);
    }
    for (int p = 0; p < Planes; ++p) V::store_sum(all.sums + p * all.padded + o, sum[p]);
  }
}

/// How a layer's sums are made: all in memory, a few inputs at a time.
template <class V>
struct InMemory {
  static constexpr PackedLayout kLayout{V::kLanes, 1 << 20, V::kGroup};

  template <int Planes>
  static void run(const DenseArgs& a, const RowInputs<V>& inputs, const RowSums<V>& row, void* scratch) {
    const auto* w = static_cast<const typename V::Weight*>(a.weights);
    const ActiveInputs<V> x = active_inputs<V, Planes>(inputs, groups_of<V>(a), static_cast<int32_t*>(scratch));
    for (int p = 0; p < Planes; ++p)
      for (int o = 0; o < row.padded; ++o)
        row.sums[p * row.padded + o] = o < a.outputs ? row.start[p * row.start_stride + o] : 0;
    int i = 0;
    for (; i + 4 <= x.count; i += 4) add_inputs<V, Planes, 4>(x, i, w, row);
    for (; i < x.count; ++i) add_inputs<V, Planes, 1>(x, i, w, row);
  }
};

/// Makes results of the sums of one row.
template <class V, class Result>
void store_row(const RowSums<V>& row, const Result& result) {
  store_each<V, Result>(&result, row.sums, 1, row.padded / V::kLanes, 0, 0);
}

template <class V>
int padded_outputs(const DenseArgs& a) {
  return (a.outputs + V::kLanes - 1) / V::kLanes * V::kLanes;
}

template <class V, class Sums>
void dense_real(const DenseArgs& a, const Io& io) noexcept {
  auto* sums = static_cast<float*>(aligned(io.scratch));
  const RowSums<V> all{a.real.bias, 0, sums, padded_outputs<V>(a)};
  StoreReal<V> result{static_cast<float*>(io.output), a.outputs, a.real};
  for (int row = 0; row < a.rows; ++row, result.output += a.outputs) {
    const auto* input = static_cast<const float*>(io.input[0]) + static_cast<ptrdiff_t>(row) * a.inputs;
    Sums::template run<1>(a, {input, 0}, all, sums + all.padded);
    store_row(all, result);
  }
}

/// Integer sums of one row. Scratch: converted inputs, start values, sums, and what making the sums needs.
template <class V, class Sums, class Read>
RowSums<V> dense_integer(const DenseArgs& a, const Read& read, void* scratch) {
  constexpr int kGroup = Sums::kLayout.group;
  const ptrdiff_t plane = static_cast<ptrdiff_t>((a.inputs + kGroup - 1) / kGroup) * kGroup;
  auto* inputs = static_cast<typename V::In*>(aligned(scratch));
  for (int p = 0; p < Read::kPlanes; ++p) {
    read(p, 0, a.inputs, inputs + p * plane);
    for (ptrdiff_t i = a.inputs; i < plane; ++i) inputs[p * plane + i] = 0;
  }
  auto* start = static_cast<int32_t*>(aligned(inputs + Read::kPlanes * plane));
  fill_starts<V>(read, a.integer, a.outputs, start);
  auto* sums = static_cast<int32_t*>(aligned(start + Read::kPlanes * a.outputs));
  const RowSums<V> row{start, a.outputs, sums, padded_outputs<V>(a)};
  Sums::template run<Read::kPlanes>(a, {inputs, plane}, row, sums + Read::kPlanes * row.padded);
  return row;
}

template <class V, class Sums>
void dense_s8(const DenseArgs& a, const Io& io) noexcept {
  StoreS8<V, typename V::RescaleOnce> result{static_cast<int8_t*>(io.output), a.outputs, a.integer};
  ReadS8<V> read{static_cast<const int8_t*>(io.input[0]), a.integer.input_zero_point};
  for (int row = 0; row < a.rows; ++row, read.input += a.inputs, result.output += a.outputs)
    store_row(dense_integer<V, Sums>(a, read, io.scratch), result);
}

template <class V, class Sums>
void dense_s16(const DenseArgs& a, const Io& io) noexcept {
  StoreS16<V> result{static_cast<int16_t*>(io.output), a.outputs, a.integer, {}};
  ReadS16<V> read{static_cast<const int16_t*>(io.input[0])};
  for (int row = 0; row < a.rows; ++row, read.input += a.inputs, result.output += a.outputs) {
    RowSums<V> sums = dense_integer<V, Sums>(a, read, io.scratch);
    result.upper = {sums.sums, a.outputs};
    sums.sums += sums.padded;
    store_row(sums, result);
  }
}

template <class V, class Sums>
void dense_hybrid(const DenseArgs& a, const Io& io) noexcept {
  for (int row = 0; row < a.rows; ++row) {
    const ReadHybrid<V> read(static_cast<const float*>(io.input[0]) + static_cast<ptrdiff_t>(row) * a.inputs, a.inputs);
    const StoreHybrid<V> result{static_cast<float*>(io.output) + static_cast<ptrdiff_t>(row) * a.outputs, a.outputs,
                                read.scale.scale, a.real};
    store_row(dense_integer<V, Sums>(a, read, io.scratch), result);
  }
}

template <class V, class Sums>
void dense_s8_real(const DenseArgs& a, const Io& io) noexcept {
  StoreHybrid<V> result{static_cast<float*>(io.output), a.outputs, 1, a.real};
  ReadS8<V> read{static_cast<const int8_t*>(io.input[0]), a.integer.input_zero_point};
  for (int row = 0; row < a.rows; ++row, read.input += a.inputs, result.output += a.outputs)
    store_row(dense_integer<V, Sums>(a, read, io.scratch), result);
}

// One kernel per variant, register wrapper and way of summing.
template <class V, template <class> class Sums>
constexpr PackedKernel<DenseArgs> kDenseReal{Sums<V>::kLayout, dense_real<V, Sums<V>>};
template <class V, template <class> class Sums>
constexpr PackedKernel<DenseArgs> kDenseS8{Sums<V>::kLayout, dense_s8<V, Sums<V>>};
template <class V, template <class> class Sums>
constexpr PackedKernel<DenseArgs> kDenseS16{Sums<V>::kLayout, dense_s16<V, Sums<V>>};
template <class V, template <class> class Sums>
constexpr PackedKernel<DenseArgs> kDenseHybrid{Sums<V>::kLayout, dense_hybrid<V, Sums<V>>};
template <class V, template <class> class Sums>
constexpr PackedKernel<DenseArgs> kDenseS8Real{Sums<V>::kLayout, dense_s8_real<V, Sums<V>>};

}  // namespace
}  // namespace slimpilot
