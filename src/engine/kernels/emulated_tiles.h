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
  static void store_sum(Sum* sums, const Vector& v) { std::memcpy(sums, v.lane, sizeof v.lane); }

  static constexpr int kPixels = 4;
  struct Bytes {
    int8_t pixels[kPixels][kLanes];
  };
  struct RescaleToBytes {
    const int32_t *multiplier, *shift, *zero_point;
    bool once;
    RescaleToBytes() = default;
    RescaleToBytes(const int32_t* m, const int32_t* s, const int32_t* zero, bool rounds_once)
        : multiplier(m), shift(s), zero_point(zero), once(rounds_once) {}
    static bool is_exact(const int32_t*, int) { return true; }
    template <bool kNegative>
    Bytes bytes(const Vector& a, const Vector& b, const Vector& c, const Vector& d) const {
      Bytes result;
      for (int i = 0; i < kLanes; ++i)
        for (int p = 0; const Vector* v : {&a, &b, &c, &d}) {
          const int32_t scaled =
              once ? rescale_once(v->lane[i], multiplier[i], shift[i]) : rescale(v->lane[i], multiplier[i], shift[i]);
          result.pixels[p++][i] = static_cast<int8_t>(limit(scaled + zero_point[i], -128, 127));
        }
      return result;
    }
  };
  static Bytes bytes_of(const int32_t* numbers) {
    Bytes result;
    for (auto& pixel : result.pixels)
      for (int i = 0; i < kLanes; ++i) pixel[i] = static_cast<int8_t>(numbers[i]);
    return result;
  }
  static Bytes limited(const Bytes& x, const Bytes& low, const Bytes& high) {
    Bytes result;
    for (int p = 0; p < kPixels; ++p)
      for (int i = 0; i < kLanes; ++i)
        result.pixels[p][i] = static_cast<int8_t>(limit(x.pixels[p][i], low.pixels[p][i], high.pixels[p][i]));
    return result;
  }
  static void store_pixels(int8_t* y, const Bytes& x, ptrdiff_t pitch, int lanes) {
    for (int p = 0; p < kPixels; ++p) std::memcpy(y + p * pitch, x.pixels[p], static_cast<size_t>(lanes));
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
