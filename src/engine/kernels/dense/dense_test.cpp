// SPDX-License-Identifier: Apache-2.0
// Every dense kernel of every instruction set against the reference: awkward sizes, several rows, sums near 5·10⁸.
#include <array>

#include "engine/kernels/packed_kernel_test.h"

namespace slimpilot {
namespace {

void compare_all(int rows, int inputs, int outputs, bool extreme, WeightStorage suited = WeightStorage::plain) {
  DenseArgs args{};
  args.rows = rows, args.inputs = inputs, args.outputs = outputs;
  for (const Variant variant : kVariants) {
    const PackedCase c{.variant = variant,
                       .inputs = rows * inputs,
                       .outputs = rows * outputs,
                       .weights = {outputs, 1, inputs},
                       .extreme = extreme,
                       .suited = suited,
                       .rounds_once = true};
    const PackedData data(c, 11);
    const auto expected = data.run(variant_of(reference::dense, variant), args, dense_scratch_bytes(args));
    for (const Isa isa : supported_isas()) {
      if (!is_known(isa, variant)) continue;
      SCOPED_TRACE(std::string(isa_name(isa)) + " variant " + std::to_string(static_cast<int>(variant)) + " " +
                   std::to_string(rows) + " rows, " + std::to_string(inputs) + " to " + std::to_string(outputs));
      const int ways = expect_all_same(kernels(isa).dense, data, variant, args, dense_scratch_bytes(args), expected, inputs);
      const bool encoded = suited == WeightStorage::bitmask ? variant == Variant::f32
                                                            : suited != WeightStorage::plain && weight_size(variant) == 1;
      EXPECT_GE(ways, isa >= Isa::avx512vbmi && isa < Isa::neon && encoded ? 3 : 1) << "plain ones and one that decodes";
    }
  }
}

TEST(Dense, EveryIsaEqualsTheReferenceAtAwkwardSizes) {
  for (const int outputs : {1, 2, 3, 10, 16, 50, 100, 129, 300})
    for (const int inputs : {1, 2, 5, 10, 63, 680}) compare_all(1, inputs, outputs, false);
  compare_all(3, 33, 17, false);
}

TEST(Dense, EveryIsaEqualsTheReferenceAtExtremeSums) { compare_all(1, 14400, 37, true); }

TEST(Dense, EncodedWeightsGiveTheSameNumbers) {
  for (const WeightStorage storage :
       {WeightStorage::bitmask, WeightStorage::slots, WeightStorage::slots_of_four, WeightStorage::codebook}) {
    SCOPED_TRACE(static_cast<int>(storage));
    for (const int outputs : {1, 3, 17, 130, 300})
      for (const int inputs : {1, 5, 127, 128, 129, 680}) compare_all(1, inputs, outputs, false, storage);
    compare_all(3, 129, 17, false, storage);
  }
}

TEST(Packing, StoresWhatIsLeft) {
  const auto bytes = [](std::initializer_list<int> list) {
    std::vector<std::byte> result;
    for (const int b : list) result.push_back(static_cast<std::byte>(b));
    return result;
  };
  const WeightShape shape{2, 1, 8};
  const auto sparse = bytes({0, 0, 5, 0, 0, 0, 0, -1, 0, 7, 0, 0, 0, 0, 0, 0});
  ASSERT_TRUE(suits(WeightStorage::bitmask, sparse, shape, 1));
  auto packed = pack_weights(sparse, shape, 1, {2, 2, 4, WeightStorage::bitmask});  // k 0…3 of both outputs, then k 4…7
  ASSERT_EQ(packed.size(), 64 + 3 + 64);
  EXPECT_EQ(std::vector(packed.begin(), packed.begin() + 2), bytes({0x24, 0x08}));
  EXPECT_EQ(std::vector(packed.begin() + 64, packed.begin() + 67), bytes({5, 7, -1}));
  packed = pack_weights(sparse, shape, 1, {2, 2, 4, WeightStorage::marked});  // three of four groups have a number
  ASSERT_EQ(packed.size(), 64 + 16 + 64);
  EXPECT_EQ(packed[0], std::byte{0x07});
  EXPECT_EQ(std::vector(packed.begin() + 64, packed.begin() + 72), bytes({0, 0, 5, 0, 0, 7, 0, 0}));
  std::vector<std::byte> row(20);  // five int32 or four rows of five int8, each a group of four and one of one
  row[8] = row[12] = row[16] = std::byte{1};
  EXPECT_TRUE(suits(WeightStorage::marked, row, {1, 1, 5}, 4));
  EXPECT_TRUE(suits(WeightStorage::marked, row, {1, 4, 5}, 1));
  EXPECT_FALSE(suits(WeightStorage::bitmask, row, {1, 1, 5}, 4));
  row[0] = std::byte{1};
  EXPECT_FALSE(suits(WeightStorage::marked, row, {1, 1, 5}, 4));
  EXPECT_TRUE(suits(WeightStorage::marked, row, {1, 4, 5}, 1)) << "half of its groups are zero";

  // Two lanes of two slots: the window of 1…128 has one weight of each output, input 129 is just outside of it.
  const std::vector<std::byte> wide = [&] {
    std::vector<std::byte> w(2 * 200);
    w[2] = std::byte{5}, w[150] = std::byte{6}, w[200 + 1] = std::byte{7}, w[200 + 129] = std::byte{8};
    return w;
  }();
  packed = pack_weights(wide, {2, 1, 200}, 1, {2, 2, 2, WeightStorage::slots});
  ASSERT_EQ(packed.size(), 64 + 64 + 64 + 64);
  const auto number = [&](size_t at) { return static_cast<int>(packed[at]); };
  EXPECT_EQ((std::array{number(0), number(4)}), (std::array{0, 2})) << "one block of two vectors";
  EXPECT_EQ((std::array{number(64), number(68)}), (std::array{1, 129})) << "where their windows begin";
  EXPECT_EQ(std::vector(packed.begin() + 128, packed.begin() + 136), bytes({1, 0, 0, 0, 5, 0, 7, 0}));
  EXPECT_EQ(std::vector(packed.begin() + 136, packed.begin() + 144), bytes({21, 0, 0, 0, 6, 0, 8, 0}));

  // The same in fours, of one slot: those from 0 and from 148 on are too far from each other for one window.
  packed = pack_weights(wide, {2, 1, 200}, 1, {2, 2, 4, WeightStorage::slots_of_four});
  ASSERT_EQ(packed.size(), 64 + 64 + 64 + 64);
  EXPECT_EQ((std::array{number(0), number(4)}), (std::array{0, 2})) << "one block of two vectors";
  EXPECT_EQ((std::array{number(64), number(68)}), (std::array{0, 128}));
  EXPECT_EQ(std::vector(packed.begin() + 128, packed.begin() + 138), bytes({0, 0, 0, 0, 5, 0, 0, 7, 0, 0}));
  EXPECT_EQ(std::vector(packed.begin() + 138, packed.begin() + 148), bytes({5, 0, 0, 0, 6, 0, 0, 8, 0, 0}));

  const auto clustered = bytes({3, 3, -2, 3, -2, -2, 3, 3, 9, 9, 9, 9, 9, 9, 9, 9});
  EXPECT_FALSE(suits(WeightStorage::bitmask, clustered, shape, 1));
  ASSERT_TRUE(suits(WeightStorage::codebook, clustered, shape, 1));
  packed = pack_weights(clustered, shape, 1, {2, 2, 8, WeightStorage::codebook});
  ASSERT_EQ(packed.size(), 2 * 16 + 2 * 4 + 64);
  EXPECT_EQ(std::vector(packed.begin(), packed.begin() + 2), bytes({3, -2}));
  EXPECT_EQ(packed[16], std::byte{9});
  EXPECT_EQ(std::vector(packed.begin() + 32, packed.begin() + 40), bytes({0x10, 0x10, 0x01, 0x00, 0, 0, 0, 0}));

  std::vector<std::byte> seventeen(17, std::byte{});
  for (size_t i = 0; i < 17; ++i) seventeen[i] = static_cast<std::byte>(i);
  EXPECT_FALSE(suits(WeightStorage::codebook, seventeen, {1, 1, 17}, 1));
  EXPECT_TRUE(suits(WeightStorage::codebook, seventeen, {17, 1, 1}, 1));
  EXPECT_FALSE(suits(WeightStorage::codebook, std::vector<std::byte>(32), {2, 1, 4}, 4)) << "codes stand for bytes";
}

}  // namespace
}  // namespace slimpilot
