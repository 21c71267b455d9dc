// SPDX-License-Identifier: Apache-2.0
// What the generic conv2d and dense kernels do with finished sums: a Result stores P × N vectors, P positions ("pixels", or
// rows of a dense layer) and N vectors of outputs. Anonymous and without the standard library: see kernel_args.h.
#pragma once

#include "engine/kernels/fixed_point.h"
#include "engine/kernels/kernel_args.h"

namespace slimpilot {
namespace {

/// f32 results of real sums.
template <class V>
struct StoreReal {
  float* output;
  int outputs;
  RealResult real;

  template <int P, int N>
  void operator()(const typename V::Vector (&sum)[P][N], int pixel, int first) const {
#pragma GCC unroll 16  // or GCC 12 keeps the sums in memory wherever `store` branches
    for (int p = 0; p < P; ++p)
      for (int n = 0; n < N; ++n) {
        const int o = first + n * V::kLanes;
        V::store(output + static_cast<ptrdiff_t>(pixel + p) * outputs + o, sum[p][n], real.low, real.high, outputs - o);
      }
  }
};

/// int8 results of int32 sums, rescaled as `Rescale` (V::Rescale, V::RescaleOnce) says.
template <class V, class Rescale>
struct StoreS8 {
  int8_t* output;
  int outputs;
  IntegerResult integer;

  template <int P, int N>
  void operator()(const typename V::Vector (&sum)[P][N], int pixel, int first) const {
    for (int n = 0; n < N; ++n) {
      const int o = first + n * V::kLanes;
      const Rescale rescale_lanes(integer.multiplier + o, integer.shift + o);
      for (int p = 0; p < P; ++p)
        V::store_s8(output + static_cast<ptrdiff_t>(pixel + p) * outputs + o,
                    V::add(rescale_lanes(sum[p][n]), V::same(integer.output_zero_point)), integer.low, integer.high,
                    outputs - o);
    }
  }
};

/// The same where IntegerResult::short_rescale holds; `rescale` has one per vector of outputs.
template <class V>
struct StoreS8Shortly {
  int8_t* output;
  int outputs;
  int32_t low, high;
  const typename V::ShortRescale* rescale;

  template <int P, int N>
  void operator()(const typename V::Vector (&sum)[P][N], int pixel, int first) const {
    for (int n = 0; n < N; ++n) {
      const int o = first + n * V::kLanes;
      const typename V::ShortRescale rescaled = rescale[o / V::kLanes];
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p)
        V::store_s8(output + static_cast<ptrdiff_t>(pixel + p) * outputs + o, rescaled(sum[p][n]), low, high, outputs - o);
    }
  }
};

/// Fills `rescale` for all outputs.
template <class V>
void fill_rescale(const IntegerResult& r, int outputs, typename V::ShortRescale* rescale) {
  for (int o = 0; o < outputs; o += V::kLanes)
    rescale[o / V::kLanes] = typename V::ShortRescale(r.multiplier + o, r.shift + o, r.output_zero_point);
}

/// f32 results of integer sums; `input_scale` is that of inputs quantized on the fly, or 1.
template <class V>
struct StoreHybrid {
  float* output;
  int outputs;
  float input_scale;
  RealResult real;

  void operator()(const typename V::Vector (&sum)[1][1], int pixel, int first) const {
    V::store_hybrid(output + static_cast<ptrdiff_t>(pixel) * outputs + first, sum[0][0], hybrid_scales(real, input_scale), real,
                    first, outputs - first);
  }
};

/// Keeps sums as they are: [pixel][outputs, room for a vector behind the last].
template <class V>
struct KeepSums {
  int32_t* sums;
  int outputs;

  int32_t* at(int pixel, int first) const { return sums + static_cast<ptrdiff_t>(pixel) * (outputs + V::kLanes) + first; }
  void operator()(const typename V::Vector (&sum)[1][1], int pixel, int first) const {
    V::store_sum(at(pixel, first), sum[0][0]);
  }
};

/// int16 results: the sums are of the inputs' lower bytes, `upper` has those of the upper ones.
template <class V>
struct StoreS16 {
  int16_t* output;
  int outputs;
  IntegerResult integer;
  KeepSums<V> upper;

  void operator()(const typename V::Vector (&sum)[1][1], int pixel, int first) const {
    int32_t lower[V::kLanes];
    V::store_sum(lower, sum[0][0]);
    for (int i = 0; i < V::kLanes && first + i < outputs; ++i) {
      const int o = first + i;
      const int64_t total = int64_t{upper.at(pixel, first)[i]} * 256 + lower[i] + integer.bias64[o];
      output[static_cast<ptrdiff_t>(pixel) * outputs + o] = int16_result(total, integer, o);
    }
  }
};

/// Sums go to memory and from there to a result, vector by vector: one copy of the code that makes results, and one of each
/// tile for all kinds of them, where every tile with results of its own would make a robot's program .1 MB larger.
template <class V>
struct ThroughMemory {
  const void* result;
  void (*store)(const void* result, const typename V::Sum* sums, int pixels, int vectors, int pixel, int first);

  template <int P, int N>
  void operator()(const typename V::Vector (&sum)[P][N], int pixel, int first) const {
    alignas(64) typename V::Sum sums[P * N * V::kLanes];
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p)
      for (int n = 0; n < N; ++n) V::store_sum(sums + (p * N + n) * V::kLanes, sum[p][n]);
    store(result, sums, P, N, pixel, first);
  }
};

template <class V, class Result>
__attribute__((noinline)) void store_each(const void* result, const typename V::Sum* sums, int pixels, int vectors, int pixel,
                                          int first) {
  for (int p = 0; p < pixels; ++p)
    for (int n = 0; n < vectors; ++n, sums += V::kLanes) {
      const typename V::Vector sum[1][1] = {{V::load_sum(sums)}};
      (*static_cast<const Result*>(result))(sum, pixel + p, first + n * V::kLanes);
    }
}

/// `result` must outlive what is returned.
template <class V, class Result>
ThroughMemory<V> through_memory(const Result& result) {
  return {&result, store_each<V, Result>};
}

}  // namespace
}  // namespace slimpilot
