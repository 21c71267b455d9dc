// SPDX-License-Identifier: Apache-2.0
// Dense layers that read encoded weights (WeightStorage), for register wrappers that can decode a vector at a time: what a
// technique took out of the weights is not read. Inputs of zero are not skipped: the weights come in one stream.
#pragma once

#include "engine/kernels/dense/dense_generic.h"

namespace slimpilot {
namespace {

/// Sums in registers, block by block, of weights behind a bitmask.
template <class V>
struct FromBitmask {
  static constexpr PackedLayout kLayout{V::kLanes, V::kLanes* V::kMaxDenseVectors, V::kGroup, WeightStorage::bitmask};

  struct Stream {
    const typename V::Mask* masks;
    const typename V::Weight* weights;

    typename V::Vector next() {
      const typename V::Mask mask = *masks++;
      const typename V::Vector w = V::expand(mask, weights);
      weights += __builtin_popcountll(mask);
      return w;
    }
  };

  template <int Planes, int N>
  static void block(const RowInputs<V>& x, int groups, Stream& stream, const RowSums<V>& row, int first) {
    typename V::Vector sum[Planes][N];
    for (int p = 0; p < Planes; ++p)
      for (int n = 0; n < N; ++n) sum[p][n] = V::load_sum(row.start + p * row.start_stride + first + n * V::kLanes);
    Stream s = stream;
    for (int g = 0; g < groups; ++g) {
      typename V::Vector input[Planes];
      for (int p = 0; p < Planes; ++p) input[p] = V::broadcast(x.data + p * x.plane + g * V::kGroup);
      for (int n = 0; n < N; ++n) {
        const typename V::Vector w = s.next();
        for (int p = 0; p < Planes; ++p) sum[p][n] = V::multiply_add(sum[p][n], input[p], w);
      }
    }
    stream = s;
    for (int p = 0; p < Planes; ++p)
      for (int n = 0; n < N; ++n) V::store_sum(row.sums + p * row.padded + first + n * V::kLanes, sum[p][n]);
  }

  template <int Planes>
  static void run(const DenseArgs& a, const RowInputs<V>& x, const RowSums<V>& row, void*) {
    const int groups = groups_of<V>(a), vectors = (a.outputs + V::kLanes - 1) / V::kLanes;
    const ptrdiff_t mask_bytes = (static_cast<ptrdiff_t>(groups) * vectors * V::kLanes * V::kGroup / 8 + 63) / 64 * 64;
    const auto* stored = static_cast<const std::byte*>(a.weights);
    Stream stream{reinterpret_cast<const typename V::Mask*>(stored),
                  reinterpret_cast<const typename V::Weight*>(stored + mask_bytes)};
    int left = vectors;
    const auto all_of = [&]<int N>() {
      for (; left >= N; left -= N) block<Planes, N>(x, groups, stream, row, (vectors - left) * V::kLanes);
    };
    static_assert(V::kMaxDenseVectors == 8);
    all_of.template operator()<8>();
    switch (left) {
      case 7: all_of.template operator()<7>(); break;
      case 6: all_of.template operator()<6>(); break;
      case 5: all_of.template operator()<5>(); break;
      case 4: all_of.template operator()<4>(); break;
      case 3: all_of.template operator()<3>(); break;
      case 2: all_of.template operator()<2>(); break;
      case 1: all_of.template operator()<1>(); break;
      default: break;
    }
  }
};

/// Sums of one register of outputs at a time; inputs come to the weights that are left by a shuffle of the window that has
/// them. `Places`: how V reads where they are.
template <class V, class Places>
struct WithSlots {
  static constexpr int kVectorBytes = V::kLanes * V::kGroup;
  static constexpr PackedLayout kLayout{V::kLanes, V::kLanes, V::kGroup, Places::kStorage};

  static constexpr ptrdiff_t aligned_size(ptrdiff_t bytes) { return (bytes + 63) / 64 * 64; }

  template <int Planes>
  static void run(const DenseArgs& a, const RowInputs<V>& x, const RowSums<V>& row, void*) {
    const int blocks = (a.outputs + V::kLanes - 1) / V::kLanes;
    const auto* stored = static_cast<const uint8_t*>(a.weights);
    const auto* first_vector = reinterpret_cast<const uint32_t*>(stored);
    stored += aligned_size((blocks + 1) * ptrdiff_t{4});
    const auto* first_input = reinterpret_cast<const uint32_t*>(stored);
    stored += aligned_size(ptrdiff_t{4} * first_vector[blocks]);
    for (int b = 0; b < blocks; ++b) {
      typename V::Vector sum[Planes], other[Planes];  // two sums: an addition need not wait for the one before
      for (int p = 0; p < Planes; ++p)
        sum[p] = V::load_sum(row.start + p * row.start_stride + b * V::kLanes), other[p] = V::same(0);
      const auto add = [&](uint32_t v, int p, typename V::Vector to) {
        const uint8_t* vector = stored + ptrdiff_t{Places::kBytes + kVectorBytes} * v;
        const auto places = Places::load(vector);
        const typename V::Vector w = V::load_weights(reinterpret_cast<const typename V::Weight*>(vector + Places::kBytes));
        return V::multiply_add(to, Places::gather(x.data + p * x.plane + first_input[v], places), w);
      };
      uint32_t v = first_vector[b];
      for (; v + 1 < first_vector[b + 1]; v += 2)
        for (int p = 0; p < Planes; ++p) sum[p] = add(v, p, sum[p]), other[p] = add(v + 1, p, other[p]);
      for (int p = 0; p < Planes; ++p) {
        if (v < first_vector[b + 1]) sum[p] = add(v, p, sum[p]);
        V::store_sum(row.sums + p * row.padded + b * V::kLanes, V::add(sum[p], other[p]));
      }
    }
  }
};

template <class V>
using FromSlots = WithSlots<V, typename V::PlacesOfOne>;
template <class V>
using FromSlotsOfFour = WithSlots<V, typename V::PlacesOfFour>;

/// Sums of a few outputs at a time, each with its table in a register; a lane adds every sixteenth group of four inputs.
template <class V>
struct FromCodebook {
  static constexpr int kOutputs = 4;
  static constexpr PackedLayout kLayout{kOutputs, kOutputs, 2 * V::kCodes, WeightStorage::codebook};

  template <int Planes>
  static void block(const RowInputs<V>& x, ptrdiff_t groups, const uint8_t* codes, const uint8_t* tables, int32_t* sums,
                    int padded) {
    typename V::Vector sum[Planes][kOutputs], table[kOutputs];
    for (int o = 0; o < kOutputs; ++o) {
      table[o] = V::load_table(tables + 16 * o);
      for (int p = 0; p < Planes; ++p) sum[p][o] = V::same(0);
    }
    for (ptrdiff_t g = 0; g < groups; ++g) {
      typename V::Vector low[Planes], high[Planes];
      for (int p = 0; p < Planes; ++p) {
        low[p] = V::load_inputs(x.data + p * x.plane + g * kLayout.group);
        high[p] = V::load_inputs(x.data + p * x.plane + g * kLayout.group + V::kCodes);
      }
      for (int o = 0; o < kOutputs; ++o, codes += V::kCodes) {
        const typename V::Vector code = V::load_codes(codes);
        const typename V::Vector first = V::look_up(table[o], code), second = V::look_up(table[o], V::next_codes(code));
        for (int p = 0; p < Planes; ++p)
          sum[p][o] = V::multiply_add(V::multiply_add(sum[p][o], low[p], first), high[p], second);
      }
    }
    for (int p = 0; p < Planes; ++p)
      for (int o = 0; o < kOutputs; ++o) sums[p * padded + o] = V::total(sum[p][o]);
  }

  template <int Planes>
  static void run(const DenseArgs& a, const RowInputs<V>& x, const RowSums<V>& row, void*) {
    const int outputs = (a.outputs + kOutputs - 1) / kOutputs * kOutputs;
    const ptrdiff_t groups = (a.inputs + kLayout.group - 1) / kLayout.group;
    const auto* tables = static_cast<const uint8_t*>(a.weights);
    const uint8_t* codes = tables + 16 * outputs;
    for (int o = 0; o < outputs; o += kOutputs, codes += groups * kOutputs * V::kCodes)
      block<Planes>(x, groups, codes, tables + 16 * o, row.sums + o, row.padded);
    for (int p = 0; p < Planes; ++p)
      for (int o = 0; o < a.outputs; ++o) row.sums[p * row.padded + o] += row.start[p * row.start_stride + o];
  }
};

}  // namespace
}  // namespace slimpilot
