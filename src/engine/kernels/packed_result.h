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

/// int8 results of int32 sums.
template <class V>
struct StoreS8 {
  int8_t* output;
  int outputs;
  IntegerResult integer;

  template <int P, int N>
  void operator()(const typename V::Vector (&sum)[P][N], int pixel, int first) const {
    if (integer.rounds_once)
      store<typename V::RescaleOnce>(sum, pixel, first);
    else
      store<typename V::Rescale>(sum, pixel, first);
  }

  template <class Rescale, int P, int N>
  void store(const typename V::Vector (&sum)[P][N], int pixel, int first) const {
    for (int n = 0; n < N; ++n) {
      const int o = first + n * V::kLanes;
      const Rescale rescale_lanes(integer.multiplier + o, integer.shift + o);
      for (int p = 0; p < P; ++p)
        V::store_s8(output + static_cast<ptrdiff_t>(pixel + p) * outputs + o, rescale_lanes(sum[p][n]),
                    integer.output_zero_point, integer.low, integer.high, outputs - o);
    }
  }
};

/// f32 results of integer sums over inputs that were quantized on the fly.
template <class V>
struct StoreHybrid {
  float* output;
  int outputs;
  float input_scale;
  RealResult real;

  template <int P, int N>
  void operator()(const typename V::Vector (&sum)[P][N], int pixel, int first) const {
    for (int p = 0; p < P; ++p)
      for (int n = 0; n < N; ++n) {
        const int o = first + n * V::kLanes;
        V::store_hybrid(output + static_cast<ptrdiff_t>(pixel + p) * outputs + o, sum[p][n], input_scale, real, o, outputs - o);
      }
  }
};

/// int16 results: the first half of the P sums are of the inputs' upper bytes, the second half of the lower bytes.
template <class V>
struct StoreS16 {
  int16_t* output;
  int outputs;
  IntegerResult integer;

  template <int P, int N>
  void operator()(const typename V::Vector (&sum)[P][N], int pixel, int first) const {
    for (int p = 0; p < P / 2; ++p)
      for (int n = 0; n < N; ++n) {
        int32_t upper[V::kLanes], lower[V::kLanes];
        V::store_sum(upper, sum[p][n]);
        V::store_sum(lower, sum[P / 2 + p][n]);
        store_lanes(upper, lower, pixel + p, first + n * V::kLanes);
      }
  }

  // One copy for all tiles: inlined into each of their unrolled loops it was 90 kB of a robot's program.
  __attribute__((noinline)) void store_lanes(const int32_t* upper, const int32_t* lower, int pixel, int first) const {
    for (int i = 0; i < V::kLanes && first + i < outputs; ++i) {
      const int o = first + i;
      const int64_t total = int64_t{upper[i]} * 256 + lower[i] + integer.bias64[o];
      output[static_cast<ptrdiff_t>(pixel) * outputs + o] = int16_result(total, integer, o);
    }
  }
};

}  // namespace
}  // namespace slimpilot
