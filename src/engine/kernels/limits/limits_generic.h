// SPDX-License-Identifier: Apache-2.0
// The limit loops for register wrappers. Anonymous: see kernel_args.h.
#pragma once

#include "engine/kernels/limits/limits.h"

namespace slimpilot {
namespace {

/// N independent sums, each in a register of its own, so that latency does not count.
template <class V, int N>
struct Chains {
  typename V::Vector sum;
  Chains<V, N - 1> rest;

  inline __attribute__((always_inline)) void start(const typename V::Sum* zeros) {
    sum = V::load_sum(zeros);
    rest.start(zeros);
  }
  inline __attribute__((always_inline)) void multiply_add(typename V::Vector x, typename V::Vector w) {
    sum = V::multiply_add(sum, x, w);
    V::keep(sum);  // each one happens
    rest.multiply_add(x, w);
  }
  inline __attribute__((always_inline)) double total() {
    alignas(64) typename V::Sum lanes[V::kLanes];
    V::store_sum(lanes, sum);
    return static_cast<double>(lanes[0]) + rest.total();
  }
};
template <class V>
struct Chains<V, 0> {
  inline __attribute__((always_inline)) void start(const typename V::Sum*) {}
  inline __attribute__((always_inline)) void multiply_add(typename V::Vector, typename V::Vector) {}
  inline __attribute__((always_inline)) double total() { return 0; }
};

constexpr int kChains = 12;  // few enough for the registers of every instruction set

template <class V>
double multiply_add_loop(int64_t rounds) noexcept {
  alignas(64) typename V::In x[64] = {};
  alignas(64) typename V::Sum zeros[V::kLanes] = {};
  alignas(64) typename V::Weight w[128] = {};
  const typename V::Vector input = V::broadcast(x), weight = V::load_weights(w);
  Chains<V, kChains> chains;
  chains.start(zeros);
  for (int64_t i = 0; i < rounds; ++i) chains.multiply_add(input, weight);
  return chains.total();
}

template <class V>
constexpr LimitLoop kMultiplyAddLoop{multiply_add_loop<V>, int64_t{kChains} * V::kLanes* V::kGroup};

template <class V>
double read_loop(const void* data, size_t bytes) noexcept {
  const auto* p = static_cast<const float*>(data);
  typename V::Vector sum[8];
  for (int i = 0; i < 8; ++i) sum[i] = V::load_sum(p);
  for (size_t f = 0; f < bytes / sizeof(float); f += 8 * V::kLanes)
    for (int i = 0; i < 8; ++i) sum[i] = V::maximum(sum[i], V::load_sum(p + f + i * V::kLanes));
  alignas(64) float lanes[V::kLanes];
  double total = 0;
  for (auto& s : sum) {
    V::store_sum(lanes, s);
    total += static_cast<double>(lanes[0]);
  }
  return total;
}

}  // namespace
}  // namespace slimpilot
