// SPDX-License-Identifier: Apache-2.0
// Channels that were moved, scaled and disturbed are found again.
#include "eval/compare_layers.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace slimpilot {
namespace {

using Numbers = std::vector<float>;

/// What a ReLU layer of `channels` yields at 40 places; channel 3 is always zero.
Numbers activations(size_t channels, uint64_t seed) {
  Random random(seed);
  Numbers numbers(40 * channels);
  for (size_t i = 0; i < numbers.size(); ++i)
    numbers[i] = i % channels == 3 ? 0 : std::max(0.0f, static_cast<float>(random.uniform(-1, 1)));
  return numbers;
}

Numbers matched(const ChannelMatch& match, const Numbers& x) {
  Numbers numbers;
  match.apply(x, numbers);
  return numbers;
}

TEST(ChannelMatch, FindsMovedAndScaledChannels) {
  const size_t order[] = {4, 3, 0, 5, 1, 2};
  const float factors[] = {1, 1, 8, 0.5f, 1, 3};
  ChannelMatch match(6);
  Numbers last, expected;
  for (uint64_t frame = 0; frame < 5; ++frame) {
    expected = activations(6, frame);
    last.resize(expected.size());
    for (size_t i = 0; i < last.size(); i += 6)
      for (size_t c = 0; c < 6; ++c) last[i + c] = expected[i + order[c]] * factors[c];
    match.add(expected, last);
  }
  match.match();
  EXPECT_TRUE(match.reordered());
  EXPECT_TRUE(match.scaled());
  const Numbers found = matched(match, last);
  for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-6f);
}

/// Noise moves nothing, and is still there afterwards.
TEST(ChannelMatch, LeavesChannelsWhereTheyAre) {
  const Numbers expected = activations(8, 1);
  Numbers noisy = expected;
  Random random(2);
  for (float& x : noisy) x += x > 0 ? static_cast<float>(random.uniform(-0.02, 0.02)) : 0;
  ChannelMatch match(8);
  match.add(expected, noisy);
  match.match();
  EXPECT_FALSE(match.reordered());
  EXPECT_FALSE(match.scaled());
  const Numbers found = matched(match, noisy);
  DeviationSums sums;
  for (size_t i = 0; i < found.size(); ++i) sums.add(expected[i], found[i]);
  EXPECT_GT(sums.result().sqnr_db, 30);
  EXPECT_LT(sums.result().sqnr_db, 45);
}

TEST(ChannelMatch, TooManyChannelsKeepTheirOrderButNotTheirSize) {
  const size_t channels = ChannelMatch::kMost + 1;
  const Numbers expected = activations(channels, 3);
  Numbers twice = expected;
  for (float& x : twice) x *= 2;
  ChannelMatch match(channels);
  match.add(expected, twice);
  match.match();
  EXPECT_FALSE(match.reordered());
  EXPECT_TRUE(match.scaled());
  EXPECT_EQ(matched(match, twice), expected);
}

}  // namespace
}  // namespace slimpilot
