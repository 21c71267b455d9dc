// SPDX-License-Identifier: Apache-2.0
// The limit loops for register wrappers. Anonymous: see kernel_args.h.
#pragma once

#include "engine/kernels/limits/limits.h"

namespace slimpilot {
namespace {

/// Independent chains, so that latency does not count; few enough for the registers of every instruction set.
constexpr int kChains = 12;

template <class V>
int64_t constexpr kMacsPerRound = int64_t{kChains} * V::kLanes * V::kGroup;

template <class V>
double multiply_add_loop(int64_t rounds) noexcept {
  alignas(64) typename V::In x[64] = {};
  alignas(64) typename V::Sum start[V::kLanes] = {};
  alignas(64) typename V::Weight w[128] = {};
  typename V::Vector sum[kChains], input = V::broadcast(x), weight = V::load_weights(w);
  for (auto& s : sum) s = V::load_sum(start);
  for (int64_t i = 0; i < rounds; ++i)
    for (auto& s : sum) {
      s = V::multiply_add(s, input, weight);
      __asm__ volatile("" : "+v"(s));  // each one happens
    }
  double total = 0;
  for (auto& s : sum) {
    V::store_sum(start, s);
    total += static_cast<double>(start[0]);
  }
  return total;
}

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
