// SPDX-License-Identifier: Apache-2.0
// AMX's tile registers. Their numbers stand in the instructions, and GCC's intrinsics take them as text, which a template has
// not: hence assembler. Anonymous: see kernel_args.h.
#pragma once

#include <cstddef>

namespace slimpilot {
namespace {

struct AmxTiles {
  template <class Config>
  static void configure(const Config& config) {
    __asm__ volatile("ldtilecfg %0" ::"m"(config));  // all of it: GCC 12's intrinsic names its first 8 bytes
  }
  static void release() { __asm__ volatile("tilerelease"); }

  /// Rows of a tile lie `stride` bytes apart.
  template <int Tile>
  static void load(const void* rows, ptrdiff_t stride) {
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(rows), "r"(stride), "i"(Tile) : "memory");
  }
  template <int Tile>
  static void store(void* rows, ptrdiff_t stride) {
    __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(rows), "r"(stride), "i"(Tile) : "memory");
  }
  /// Tile C + tile A · tile B: four products of signed bytes to a sum of 32 bits, or two of bfloat16.
  template <int C, int A, int B>
  static void multiply_add_s8() {
    __asm__ volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(C), "i"(A), "i"(B));
  }
  template <int C, int A, int B>
  static void multiply_add_bf16() {
    __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(C), "i"(A), "i"(B));
  }
};

}  // namespace
}  // namespace slimpilot
