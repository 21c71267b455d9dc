// SPDX-License-Identifier: Apache-2.0
// A small random generator whose sequence is the same on every machine and standard library, so that seeds repeat runs.
#pragma once

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <numbers>
#include <span>
#include <utility>

namespace slimpilot {

/// SplitMix64 (Steele, Lea, Flood 2014). The same seed gives the same numbers everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }

  /// Uniform in [0, 1), 53 bits.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

  /// Uniform in [low, high).
  double uniform(double low, double high) { return low + (high - low) * uniform(); }

  /// Uniform in {0, …, count − 1}; count > 0.
  uint64_t below(uint64_t count) { return static_cast<uint64_t>(uniform() * static_cast<double>(count)); }

  /// Normally distributed, mean 0, deviation 1 (Box and Muller 1958). Uses the C library's log and cos.
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

  /// Fisher-Yates.
  template <class T>
  void shuffle(std::span<T> items) {
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  uint64_t state_;
};

/// A seed for one of many independent streams, such as {seed, epoch, frame}.
inline uint64_t stream_seed(std::initializer_list<uint64_t> path) {
  uint64_t seed = 0;
  for (const uint64_t step : path) seed = Random(seed ^ step).next();
  return seed;
}

}  // namespace slimpilot
