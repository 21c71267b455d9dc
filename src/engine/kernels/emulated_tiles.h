// SPDX-License-Identifier: Apache-2.0
// For tests: AMX's tile registers in plain C++, as Intel's manual defines them, and vectors that store results, so that
// conv2d_tiles.h runs on any machine. What would be a fault of the processor is counted.
#pragma once

#include <algorithm>
#include <cstring>

#include "engine/kernels/conv2d/conv2d_tiles.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

struct EmulatedTiles {
  struct Tile {
    uint8_t rows[16][64];
  };
  struct State {
    TileConfig config;
    Tile tiles[8];
    bool configured = false;
    int faults = 0, configurations = 0;
  };
  static State& state() {
    static State s;
    return s;
  }

  static void configure(const TileConfig& config) {
    State& s = state();
    s.config = config, s.configured = true, ++s.configurations;
    std::memset(s.tiles, 0, sizeof s.tiles);
    expect(config.palette == 1 && config.start_row == 0);
    for (int t = 0; t < 8; ++t)
      expect(config.rows[t] >= 1 && config.rows[t] <= 16 && config.row_bytes[t] >= 1 && config.row_bytes[t] <= 64);
  }
  static void release() { state().configured = false; }

  /// What is outside of the tile's shape becomes zero.
  template <int T>
  static void load(const void* rows, ptrdiff_t stride) {
    State& s = state();
    expect(s.configured);
    std::memset(&s.tiles[T], 0, sizeof s.tiles[T]);
    for (int r = 0; r < s.config.rows[T]; ++r)
      std::memcpy(s.tiles[T].rows[r], static_cast<const uint8_t*>(rows) + r * stride, s.config.row_bytes[T]);
  }
  template <int T>
  static void store(void* rows, ptrdiff_t stride) {
    const State& s = state();
    expect(s.configured);
    for (int r = 0; r < s.config.rows[T]; ++r)
      std::memcpy(static_cast<uint8_t*>(rows) + r * stride, s.tiles[T].rows[r], s.config.row_bytes[T]);
  }

  /// TDPBSSD: sums of 32 bits wrap.
  template <int C, int A, int B>
  static void multiply_add_s8() {
    for_each_sum<int32_t, C, A, B>([](int32_t& sum, const uint8_t* a, const Tile& b, int column, int groups) {
      for (int g = 0; g < groups; ++g)
        for (int i = 0; i < 4; ++i) {
          const int product = static_cast<int8_t>(a[4 * g + i]) * static_cast<int8_t>(b.rows[g][4 * column + i]);
          sum = static_cast<int32_t>(static_cast<uint32_t>(sum) + static_cast<uint32_t>(product));
        }
    });
  }

  /// TDPBF16PS: the first numbers of all pairs are summed, and the second ones, then both, then the tile's own.
  template <int C, int A, int B>
  static void multiply_add_bf16() {
    for_each_sum<float, C, A, B>([](float& sum, const uint8_t* a, const Tile& b, int column, int groups) {
      float halves[2] = {};
      for (int g = 0; g < groups; ++g)
        for (int i = 0; i < 2; ++i) halves[i] += number(a + 4 * g + 2 * i) * number(b.rows[g] + 4 * column + 2 * i);
      sum += halves[0] + halves[1];
    });
  }

 private:
  static void expect(bool good) { state().faults += !good; }
  static float number(const uint8_t* bytes) {
    uint16_t bits;
    std::memcpy(&bits, bytes, sizeof bits);
    return bfloat16_to_float(bits);
  }

  /// Calls add(sum, row of A, B, column, rows of B) for every sum of tile C.
  template <class Sum, int C, int A, int B, class F>
  static void for_each_sum(F&& add) {
    State& s = state();
    const TileConfig& c = s.config;
    expect(s.configured && C != A && C != B && A != B);
    expect(c.rows[C] == c.rows[A] && c.row_bytes[C] == c.row_bytes[B] && c.row_bytes[A] == 4 * c.rows[B]);
    for (int row = 0; row < c.rows[C]; ++row)
      for (int column = 0; column < c.row_bytes[C] / 4; ++column) {
        Sum sum;
        uint8_t* place = s.tiles[C].rows[row] + 4 * column;
        std::memcpy(&sum, place, sizeof sum);
        add(sum, s.tiles[A].rows[row], s.tiles[B], column, c.rows[B]);
        std::memcpy(place, &sum, sizeof sum);
      }
  }
};

/// Sixteen sums that are stored one by one, with the arithmetic of the reference.
struct PortableVector {
  static constexpr int kLanes = 16;
};

struct PortableS8 : PortableVector {
  using Sum = int32_t;
  struct Vector {
    int32_t lane[kLanes];
  };
  static Vector load_sum(const Sum* sums) {
    Vector v;
    std::memcpy(v.lane, sums, sizeof v.lane);
    return v;
  }
  template <class F>
  static Vector each(const Vector& x, F&& rescaled) {
    Vector y;
    for (int i = 0; i < kLanes; ++i) y.lane[i] = rescaled(x.lane[i], i);
    return y;
  }
  struct Rescale {
    const int32_t *multiplier, *shift;
    Rescale(const int32_t* m, const int32_t* s) : multiplier(m), shift(s) {}
    Vector operator()(const Vector& x) const {
      return each(x, [&](int32_t sum, int i) { return rescale(sum, multiplier[i], shift[i]); });
    }
  };
  struct RescaleOnce {
    const int32_t *multiplier, *shift;
    RescaleOnce(const int32_t* m, const int32_t* s) : multiplier(m), shift(s) {}
    Vector operator()(const Vector& x) const {
      return each(x, [&](int32_t sum, int i) { return rescale_once(sum, multiplier[i], shift[i]); });
    }
  };
  struct ShortRescale : Rescale {
    int32_t zero_point;
    ShortRescale(const int32_t* m, const int32_t* s, int32_t zero) : Rescale(m, s), zero_point(zero) {}
    Vector operator()(const Vector& x) const { return add(Rescale::operator()(x), same(zero_point)); }
  };
  static Vector same(int32_t x) {
    return each({}, [&](int32_t, int) { return x; });
  }
  static Vector add(const Vector& a, const Vector& b) {
    return each(a, [&](int32_t sum, int i) { return sum + b.lane[i]; });
  }
  static void store_s8(int8_t* y, const Vector& x, int32_t low, int32_t high, int lanes) {
    for (int i = 0; i < std::min(lanes, kLanes); ++i) y[i] = static_cast<int8_t>(limit(x.lane[i], low, high));
  }
};

struct PortableReal : PortableVector {
  using Sum = float;
  struct Vector {
    float lane[kLanes];
  };
  static Vector load_sum(const Sum* sums) {
    Vector v;
    std::memcpy(v.lane, sums, sizeof v.lane);
    return v;
  }
  static void store(float* y, const Vector& x, float low, float high, int lanes) {
    for (int i = 0; i < std::min(lanes, kLanes); ++i) y[i] = std::clamp(x.lane[i], low, high);
  }
};

struct PortableRounding {
  static void round(const float* x, ptrdiff_t count, uint16_t* target) {
    for (ptrdiff_t i = 0; i < count; ++i) target[i] = float_to_bfloat16(x[i]);
  }
};

}  // namespace
}  // namespace slimpilot
