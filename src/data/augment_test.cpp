// SPDX-License-Identifier: Apache-2.0
#include "data/augment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "host/args.h"

namespace slimpilot {
namespace {

TEST(Augment, Mirror) {
  std::vector<uint8_t> rgb(2 * 3 * 3);
  std::iota(rgb.begin(), rgb.end(), uint8_t{0});
  mirror(rgb, 2);
  EXPECT_EQ(rgb, (std::vector<uint8_t>{6, 7, 8, 3, 4, 5, 0, 1, 2, 15, 16, 17, 12, 13, 14, 9, 10, 11}));
}

TEST(Augment, EachChangesAboutHalfOfThePicturesAndRepeats) {
  std::vector<uint8_t> picture(20 * 30 * 3);
  Random noise(1);
  for (uint8_t& x : picture) x = static_cast<uint8_t>(60 + noise.below(120));
  for (const auto augmentation : parse_augmentations({"all", "shift"})) {
    int changed = 0;
    for (uint64_t seed = 0; seed < 100; ++seed) {
      auto once = picture, again = picture;
      Random a(seed), b(seed);
      augment(once, 20, std::span(&augmentation, 1), a);
      augment(again, 20, std::span(&augmentation, 1), b);
      EXPECT_EQ(once, again);
      changed += once != picture;
    }
    EXPECT_GT(changed, 30) << static_cast<int>(augmentation);
    EXPECT_LT(changed, 70) << static_cast<int>(augmentation);
  }
}

TEST(Augment, Names) {
  EXPECT_EQ(parse_augmentations({"blur", "brightness"}), (std::vector{Augmentation::brightness, Augmentation::blur}));
  EXPECT_TRUE(parse_augmentations({"none"}).empty());
  EXPECT_EQ(parse_augmentations({"all"}).size(), 5u);
  EXPECT_THROW(parse_augmentations({"rain"}), UsageError);
}

}  // namespace
}  // namespace slimpilot
