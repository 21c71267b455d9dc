// SPDX-License-Identifier: Apache-2.0
// The kernels for matrix tiles against the reference, on emulated tile registers, so on any machine; where there is AMX,
// conv2d_test and dense_test run the real ones.
#include "engine/kernels/emulated_tiles.h"
#include "engine/kernels/packed_kernel_test.h"

namespace slimpilot {
namespace {

using S8 = TilesS8<EmulatedTiles>;
using Bf16 = TilesBf16<EmulatedTiles, PortableRounding>;

Conv2dArgs conv_args(int h, int w, int c, int out_c, int kernel, int stride, Padding padding) {
  const PaddedExtent y = padded_extent(h, kernel, stride, padding), x = padded_extent(w, kernel, stride, padding);
  Conv2dArgs a{};
  a.in_h = h, a.in_w = w, a.in_c = c, a.out_h = y.output, a.out_w = x.output, a.out_c = out_c;
  a.kernel_h = a.kernel_w = kernel, a.stride_h = a.stride_w = stride;
  a.pad_top = y.before, a.pad_bottom = y.after, a.pad_left = x.before, a.pad_right = x.after;
  a.tensor_c = out_c;
  return a;
}

/// Every shape of tile was what the processor takes, and the registers were given back.
void expect_no_fault() {
  EXPECT_EQ(EmulatedTiles::state().faults, 0);
  EXPECT_FALSE(EmulatedTiles::state().configured);
}

PackedData data_of(const Conv2dArgs& a, Variant variant, bool extreme, int misalignment) {
  return PackedData({variant,
                     a.in_h * a.in_w * a.in_c,
                     a.out_h * a.out_w * a.out_c,
                     {a.out_c, a.kernel_h, a.kernel_w * a.in_c},
                     extreme,
                     misalignment},
                    5);
}

/// Small whole numbers, whose sums are exact in any order.
void make_whole(PackedData& data) {
  Random random(3);
  const auto any = [&] { return static_cast<float>(random.below(17)) - 8; };
  for (size_t i = 0; i < data.input.size(); i += 4) {
    const float x = any();
    std::memcpy(data.input.data() + i, &x, sizeof x);
  }
  for (size_t i = 0; i < data.weights.size(); i += 2) {
    const uint16_t w = float_to_bfloat16(any());
    std::memcpy(data.weights.data() + i, &w, sizeof w);
  }
  for (float& b : data.bias) b = any();
}

void compare(const Conv2dArgs& a, bool extreme = false, int misalignment = 0) {
  SCOPED_TRACE(std::to_string(a.in_h) + "x" + std::to_string(a.in_w) + "x" + std::to_string(a.in_c) + " to " +
               std::to_string(a.out_c) + " kernel " + std::to_string(a.kernel_h) + " stride " + std::to_string(a.stride_h));
  const size_t scratch = conv2d_scratch_bytes(a);
  const PackedData bytes = data_of(a, Variant::s8, extreme, misalignment);
  EXPECT_EQ(bytes.run(kConv2dTilesS8<S8, PortableS8>, a, scratch), bytes.run(reference::conv2d.s8, a, scratch));
  PackedData reals = data_of(a, Variant::bf16, false, misalignment);
  expect_same(Variant::bf16, reals.run(reference::conv2d.bf16, a, scratch),
              reals.run(kConv2dTilesBf16<Bf16, PortableReal>, a, scratch), a.kernel_h * a.kernel_w * a.in_c);
  make_whole(reals);
  EXPECT_EQ(reals.run(kConv2dTilesBf16<Bf16, PortableReal>, a, scratch), reals.run(reference::conv2d.bf16, a, scratch));
  expect_no_fault();
}

TEST(Conv2dTiles, EqualTheReferenceAtAwkwardSizes) {
  for (const int out_c : {1, 7, 16, 17, 24, 32, 33, 65})
    for (const int c : {1, 3, 4, 24}) {
      compare(conv_args(9, 11, c, out_c, 3, 1, Padding::same));
      compare(conv_args(9, 41, c, out_c, 5, 2, Padding::valid), false, 4);
      compare(conv_args(6, 35, c, out_c, 2, 1, Padding::same));
    }
  compare(conv_args(1, 1, 1, 1, 1, 1, Padding::valid));
  compare(conv_args(5, 5, 3, 17, 5, 1, Padding::valid), false, 8);
  compare(conv_args(7, 40, 17, 20, 1, 1, Padding::valid));  // rows of 17 numbers: a prime number of pairs or so
  compare(conv_args(4, 33, 67, 20, 1, 2, Padding::valid));  // 17 groups of four
  compare(conv_args(8, 30, 24, 36, 5, 2, Padding::same));
}

/// More windows than are gathered at a time, in a number that tiles do not divide.
TEST(Conv2dTiles, EqualTheReferenceWhereWindowsAreGathered) {
  compare(conv_args(23, 63, 3, 24, 5, 2, Padding::valid));
  compare(conv_args(23, 41, 3, 8, 3, 1, Padding::same));
  compare(conv_args(20, 67, 1, 70, 3, 1, Padding::valid), false, 4);  // gathered for each of two blocks
  compare(conv_args(7, 9, 2, 20, 5, 2, Padding::valid));              // fewer than a tile
}

TEST(Conv2dTiles, EqualTheReferenceAtExtremeValues) {
  compare(conv_args(7, 9, 64, 20, 3, 1, Padding::same), true);
  compare(conv_args(9, 9, 3, 33, 5, 2, Padding::valid), true);
}

TEST(Conv2dTiles, DenseLayersEqualTheReference) {
  const auto compare_dense = [](int rows, int inputs, int outputs, bool extreme) {
    DenseArgs a{};
    a.rows = rows, a.inputs = inputs, a.outputs = outputs;
    const PackedCase c{.variant = Variant::s8,
                       .inputs = rows * inputs,
                       .outputs = rows * outputs,
                       .weights = {outputs, 1, inputs},
                       .extreme = extreme,
                       .rounds_once = true};
    const PackedData data(c, 11);
    const size_t scratch = dense_scratch_bytes(a);
    EXPECT_EQ(data.run(kDenseTilesS8<S8, PortableS8>, a, scratch), data.run(reference::dense.s8, a, scratch))
        << rows << " " << inputs;
    expect_no_fault();
  };
  for (const int outputs : {1, 3, 16, 50, 129})
    for (const int inputs : {1, 2, 5, 63, 67, 680}) compare_dense(1, inputs, outputs, false);
  compare_dense(3, 33, 17, false);
  compare_dense(21, 100, 40, false);
  compare_dense(1, 14400, 37, true);
}

TEST(Conv2dTiles, AreConfiguredOncePerKernel) {
  const Conv2dArgs a = conv_args(31, 98, 24, 36, 5, 2, Padding::valid);
  const int before = EmulatedTiles::state().configurations;
  const PackedData data = data_of(a, Variant::s8, false, 0);
  data.run(kConv2dTilesS8<S8, PortableS8>, a, conv2d_scratch_bytes(a));
  EXPECT_EQ(EmulatedTiles::state().configurations, before + 1);
}

}  // namespace
}  // namespace slimpilot
