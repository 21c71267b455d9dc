// SPDX-License-Identifier: Apache-2.0
// The limits of plain C++.
#include "engine/kernels/limits/limits.h"

namespace slimpilot::reference {
namespace {

constexpr int kChains = 16;

double real_loop(int64_t rounds) noexcept {
  float sum[kChains] = {};
  for (int64_t i = 0; i < rounds; ++i)
    for (float& s : sum) s = s * 0.5f + 1.0f;
  double total = 0;
  for (const float s : sum) total += static_cast<double>(s);
  return total;
}

double integer_loop(int64_t rounds) noexcept {
  uint32_t sum[kChains] = {};
  for (int64_t i = 0; i < rounds; ++i)
    for (uint32_t& s : sum) s = s * 3 + 1;
  uint32_t total = 0;
  for (const uint32_t s : sum) total += s;
  return total;
}

double read_loop(const void* data, size_t bytes) noexcept {
  const auto* words = static_cast<const uint64_t*>(data);
  uint64_t total = 0;
  for (size_t i = 0; i < bytes / sizeof(uint64_t); ++i) total += words[i];
  return static_cast<double>(total);
}

}  // namespace

const LimitLoops limit_loops = {.real = {real_loop, kChains}, .integer = {integer_loop, kChains}, .read = read_loop};

}  // namespace slimpilot::reference
