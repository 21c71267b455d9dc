// SPDX-License-Identifier: Apache-2.0
// Every conv2d kernel of every instruction set against the reference: awkward sizes, misaligned buffers, extreme values.
#include "engine/kernels/packed_kernel_test.h"

namespace slimpilot {
namespace {

struct Geometry {
  int h, w, c, out_c, kernel, stride;
  Padding padding;
};

Conv2dArgs conv_args(const Geometry& g) {
  const PaddedExtent y = padded_extent(g.h, g.kernel, g.stride, g.padding),
                     x = padded_extent(g.w, g.kernel, g.stride, g.padding);
  Conv2dArgs a{};
  a.in_h = g.h, a.in_w = g.w, a.in_c = g.c, a.out_h = y.output, a.out_w = x.output, a.out_c = a.tensor_c = g.out_c;
  a.kernel_h = a.kernel_w = g.kernel, a.stride_h = a.stride_w = g.stride;
  a.pad_top = y.before, a.pad_bottom = y.after, a.pad_left = x.before, a.pad_right = x.after;
  return a;
}

void compare_all(const Geometry& g, bool extreme, int misalignment, bool large_factors = false) {
  const Conv2dArgs args = conv_args(g);
  for (const Variant variant : kVariants) {
    if (variant == Variant::f16) continue;  // plans make them float32
    const PackedCase c{variant,
                       g.h * g.w * g.c,
                       args.out_h * args.out_w * g.out_c,
                       {g.out_c, g.kernel, g.kernel * g.c},
                       extreme,
                       misalignment,
                       WeightStorage::plain,
                       large_factors};
    const PackedData data(c, 7);
    if (variant == Variant::s8) {
      EXPECT_NE(data.integer().short_rescale, large_factors);
    }
    const auto expected = data.run(variant_of(reference::conv2d, variant), args, conv2d_scratch_bytes(args));
    for (const Isa isa : supported_isas()) {
      if (!is_known(isa, variant)) continue;
      SCOPED_TRACE(std::string(isa_name(isa)) + " variant " + std::to_string(static_cast<int>(variant)) + " " +
                   std::to_string(g.h) + "x" + std::to_string(g.w) + "x" + std::to_string(g.c) + " to " +
                   std::to_string(g.out_c) + " kernel " + std::to_string(g.kernel) + " stride " + std::to_string(g.stride));
      expect_all_same(kernels(isa).conv2d, data, variant, args, conv2d_scratch_bytes(args), expected,
                      g.kernel * g.kernel * g.c);
    }
  }
}

TEST(Conv2d, EveryIsaEqualsTheReferenceAtAwkwardSizes) {
  for (const int out_c : {1, 7, 8, 16, 24, 36, 48, 64, 65})
    for (const int c : {1, 3, 4, 5}) {
      compare_all({9, 11, c, out_c, 3, 1, Padding::same}, false, 0);
      compare_all({9, 12, c, out_c, 5, 2, Padding::valid}, false, 4);
    }
  compare_all({1, 1, 1, 1, 1, 1, Padding::valid}, false, 0);
  compare_all({5, 5, 3, 17, 5, 1, Padding::valid}, false, 8);
  compare_all({8, 30, 24, 36, 5, 2, Padding::same}, false, 0);
}

TEST(Conv2d, EveryIsaEqualsTheReferenceAtExtremeValues) {
  compare_all({7, 9, 64, 20, 3, 1, Padding::same}, true, 0);
  compare_all({9, 9, 3, 33, 5, 2, Padding::valid}, true, 0);
}

TEST(Conv2d, EveryIsaEqualsTheReferenceWhereResultsGrow) {
  compare_all({9, 11, 5, 36, 3, 1, Padding::same}, false, 0, true);
  compare_all({9, 12, 3, 8, 5, 2, Padding::valid}, true, 0, true);
}

/// Halves, signs and ends: every sum of a window, rescaled by factors that make ties likely.
TEST(Conv2d, ResultsAreRoundedTwiceInEveryLane) {
  for (const int shift : {0, -1, -2, -7, -22}) {
    const Geometry g{16, 17, 1, 40, 2, 1, Padding::same};
    const Conv2dArgs plain = conv_args(g);
    PackedData data({Variant::s8, 272, 272 * 40, {40, 2, 2}, false}, 3);
    for (int i = 0; i < 272; ++i) data.input[static_cast<size_t>(i)] = static_cast<std::byte>(i);
    for (size_t o = 0; o < 40; ++o) {
      data.shift[o] = shift, data.multiplier[o] = (1 << 30) + static_cast<int>(o % 8) * (1 << 26);
      data.bias32[o] = static_cast<int32_t>(o) * (1 << -shift) / 4;
    }
    ASSERT_TRUE(data.integer().short_rescale);
    const auto expected = data.run(reference::conv2d.s8, plain, conv2d_scratch_bytes(plain));
    for (const Isa isa : supported_isas()) {
      SCOPED_TRACE(std::string(isa_name(isa)) + " shift " + std::to_string(shift));
      expect_all_same(kernels(isa).conv2d, data, Variant::s8, plain, conv2d_scratch_bytes(plain), expected, 1);
    }
  }
}

/// Runs of cells in which four neighbouring channels are zero, of all lengths, as kernels look for them.
TEST(Conv2d, WhatIsZeroMayBeLeftOut) {
  for (const Variant variant : {Variant::s8, Variant::f32})
    for (const Geometry& g : {Geometry{9, 40, 12, 24, 5, 2, Padding::valid},
                              {6, 19, 64, 9, 3, 1, Padding::same},
                              {4, 9, 8, 40, 2, 1, Padding::valid},
                              {5, 3, 4, 8, 3, 7, Padding::same}}) {
      const Conv2dArgs args = conv_args(g);
      PackedData data({variant, g.h * g.w * g.c, args.out_h * args.out_w * g.out_c, {g.out_c, g.kernel, g.kernel * g.c}}, 5);
      const size_t size = variant == Variant::s8 ? 1 : sizeof(float);
      const std::byte zero{variant == Variant::s8 ? uint8_t{0x80} : uint8_t{0}};
      Random random(11);
      for (int group = 0; group < g.c / 4; ++group)
        for (int cell = 0; cell < g.h * g.w;) {
          const int run = 1 + static_cast<int>(random.below(24));
          const bool clear = random.uniform() < 0.6;
          for (const int end = std::min(cell + run, g.h * g.w); cell < end; ++cell)
            if (clear) std::fill_n(&data.input[static_cast<size_t>(cell * g.c + 4 * group) * size], 4 * size, zero);
        }
      const auto expected = data.run(variant_of(reference::conv2d, variant), args, conv2d_scratch_bytes(args));
      for (const Isa isa : supported_isas()) {
        SCOPED_TRACE(std::string(isa_name(isa)) + " channels " + std::to_string(g.c));
        expect_all_same(kernels(isa).conv2d, data, variant, args, conv2d_scratch_bytes(args), expected,
                        g.kernel * g.kernel * g.c);
      }
    }
}

/// Tiles of all heights and widths, windows of one and of several words of bits, outputs that fill no block.
TEST(Conv2d, WeightsThatAreZeroMayBeLeftOut) {
  for (const Geometry& g : {Geometry{31, 40, 24, 36, 5, 2, Padding::valid},
                            {9, 7, 36, 9, 5, 2, Padding::valid},
                            {8, 33, 64, 8, 1, 1, Padding::valid},
                            {19, 20, 5, 7, 3, 1, Padding::same},
                            {12, 17, 3, 1, 2, 1, Padding::valid},
                            {16, 50, 70, 17, 3, 3, Padding::same},
                            {5, 3, 4, 8, 3, 7, Padding::same},
                            {1, 1, 1, 3, 1, 1, Padding::valid}}) {
    const Conv2dArgs args = conv_args(g);
    for (const Variant variant : {Variant::f32, Variant::s8})
      for (const bool large_factors : {false, true}) {
        const PackedData data({variant,
                               g.h * g.w * g.c,
                               args.out_h * args.out_w * g.out_c,
                               {g.out_c, g.kernel, g.kernel * g.c},
                               false,
                               4,
                               WeightStorage::marked,
                               large_factors},
                              9);
        const auto expected = data.run(variant_of(reference::conv2d, variant), args, conv2d_scratch_bytes(args));
        for (const Isa isa : supported_isas()) {
          SCOPED_TRACE(std::string(isa_name(isa)) + " channels " + std::to_string(g.c) + " to " + std::to_string(g.out_c));
          const auto& ways = kernels(isa).conv2d;
          const int count =
              expect_all_same(ways, data, variant, args, conv2d_scratch_bytes(args), expected, g.kernel * g.kernel * g.c);
          EXPECT_EQ(count,
                    std::ranges::count_if(ways, [&](const auto* way) { return variant_of(*way, variant).run != nullptr; }))
              << "all ways suit";
        }
      }
  }
}

}  // namespace
}  // namespace slimpilot
