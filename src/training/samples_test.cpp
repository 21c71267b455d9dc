// SPDX-License-Identifier: Apache-2.0
// What an epoch shows, schedules, Adam and checkpoints: everything about training that needs no libtorch.
#include "training/samples.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "host/atomic_file.h"
#include "training/adam.h"
#include "training/checkpoint.h"
#include "training/schedule.h"

namespace slimpilot {
namespace {

Dataset dataset_with(const std::vector<float>& w) {
  Dataset d;
  d.recordings.push_back({.format = "formula1", .columns = {"v", "w"}});
  for (const float x : w) d.recordings[0].frames.push_back({.labels = {10, x}});
  d.columns = {{"v", 6.5f, 24}, {"w", -7.1f, 7.1f}};
  d.frames = all_frames(d.recordings);
  return d;
}

TEST(Samples, BalanceRepeatsSharpTurns) {
  const Dataset d = dataset_with({0, -.3f, .6f, 1, -2.5f, 3, 7});
  const auto samples = make_samples(d, {.balance = true});
  std::vector<long> counts;
  for (uint32_t i = 0; i < d.size(); ++i) counts.push_back(std::ranges::count(samples, Sample{i, false}));
  EXPECT_EQ(counts, (std::vector<long>{1, 2, 5, 15, 25, 35, 50}));
  EXPECT_EQ(balanced_repeats("steering", -.2f), balanced_repeats("w", 1.42f));
  EXPECT_EQ(balanced_repeats("steering", 0), 1);
}

TEST(Samples, MirrorNegatesTurningInItsUnit) {
  const Dataset d = dataset_with({2});
  const auto samples = make_samples(d, {.mirror = true});
  ASSERT_EQ(samples, (std::vector<Sample>{{0, false}, {0, true}}));
  const auto plain = sample_labels(d, samples[0]), mirrored = sample_labels(d, samples[1]);
  EXPECT_EQ(plain[0], mirrored[0]);
  EXPECT_NEAR(plain[1], (2 + 7.1) / 14.2, 1e-6);
  EXPECT_NEAR(mirrored[1], (-2 + 7.1) / 14.2, 1e-6);
  Dataset skewed = d;
  skewed.columns[1] = {"w", -3, 5};
  EXPECT_NEAR(sample_labels(skewed, samples[1])[1], (-2 + 3) / 8.0, 1e-6);
}

TEST(Samples, MirrorNeedsATurningColumn) {
  Dataset d = dataset_with({2});
  d.columns.pop_back();
  EXPECT_THROW(make_samples(d, {.mirror = true}), Error);
  EXPECT_THROW(make_samples(d, {.balance = true}), Error);
  EXPECT_EQ(make_samples(d, {}).size(), 1u);
}

TEST(Samples, OrderFollowsSeedAndEpoch) {
  const auto all = make_samples(dataset_with(std::vector<float>(100)), {});
  const auto first = epoch_samples(all, 0, 1, 1);
  EXPECT_EQ(first, epoch_samples(all, 0, 1, 1));
  EXPECT_NE(first, epoch_samples(all, 0, 1, 2));
  EXPECT_NE(first, epoch_samples(all, 0, 2, 1));
  EXPECT_TRUE(std::ranges::is_permutation(first, all));
  EXPECT_EQ(epoch_samples(all, 30, 1, 1).size(), 30u);
}

TEST(Adam, FirstStepsAsKeras) {
  // By hand: the first step moves by the rate whatever the gradient's size; then two steps of gradients 1 and 3.
  std::vector<float> w{1, 1}, m(2), v(2);
  adam_step(w, std::vector<float>{.5f, -20}, {m, v}, .1, 1);
  EXPECT_NEAR(w[0], .9, 1e-5);
  EXPECT_NEAR(w[1], 1.1, 1e-5);
  std::vector<float> x{0}, a(1), b(1);
  adam_step(x, std::vector<float>{1}, {a, b}, .1, 1);
  adam_step(x, std::vector<float>{3}, {a, b}, .1, 2);
  const double m2 = .9 * .1 + .1 * 3, v2 = .999 * .001 + .001 * 9;
  EXPECT_NEAR(x[0], -.1 - .1 * (m2 / (1 - .81)) / std::sqrt(v2 / (1 - .998001)), 1e-5);
}

std::vector<EpochResult> epochs(const std::vector<double>& losses) {
  std::vector<EpochResult> history;
  double best = INFINITY;
  for (const double loss : losses) {
    history.push_back({.epoch = static_cast<int>(history.size()) + 1,
                       .train_loss = loss / 3,
                       .validation_loss = loss,
                       .is_best = loss < best});
    best = std::min(best, loss);
  }
  return history;
}

TEST(Schedule, RatesAndStopping) {
  TrainOptions o{.epochs = 10, .learning_rate = .1};
  EXPECT_DOUBLE_EQ(next_learning_rate(o, epochs({3, 2})), .1);
  o.schedule = Schedule::cosine;
  EXPECT_DOUBLE_EQ(next_learning_rate(o, {}), .1);
  EXPECT_NEAR(next_learning_rate(o, epochs({1, 1, 1, 1, 1})), .05, 1e-12);
  EXPECT_NEAR(next_learning_rate(o, epochs({1, 1, 1, 1}), 1), .05, 1e-12);
  EXPECT_NEAR(next_learning_rate(o, epochs({1, 1, 1, 1, 1, 1, 1, 1, 1}), 1), 0, 1e-12);
  o.schedule = Schedule::warm_cosine;
  EXPECT_EQ(next_learning_rate(o, {}), 0);
  EXPECT_NEAR(next_learning_rate(o, {}, .5), .05, 1e-3);
  EXPECT_NEAR(next_learning_rate(o, epochs({1, 1, 1, 1, 1})), .05, 1e-12);
  o.schedule = Schedule::plateau;
  EXPECT_DOUBLE_EQ(next_learning_rate(o, epochs({3, 4, 4})), .1);
  EXPECT_DOUBLE_EQ(next_learning_rate(o, epochs({3, 4, 4, 4})), .05);
  EXPECT_DOUBLE_EQ(next_learning_rate(o, epochs({3, 4, 4, 4, 2, 5, 5, 5})), .025);
  EXPECT_FALSE(is_finished(o, epochs({3, 4, 4, 4})));
  o.patience = 3;
  EXPECT_TRUE(is_finished(o, epochs({3, 4, 4, 4})));
  EXPECT_FALSE(is_finished(o, epochs({3, 4, 4, 2})));
  EXPECT_TRUE(is_finished(o, epochs(std::vector<double>{9, 8, 7, 6, 5, 4, 3, 2, 1, 0})));
}

class CheckpointFile : public testing::Test {
 protected:
  CheckpointFile() : path_(std::filesystem::path(testing::TempDir()) / ("checkpoint_" + std::to_string(getpid()))) {}
  ~CheckpointFile() override { std::filesystem::remove(path_); }
  std::string message(const std::string& settings) const {
    try {
      read_checkpoint(path_, settings);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }
  std::filesystem::path path_;
};

TEST_F(CheckpointFile, KeepsEveryBit) {
  const Checkpoint c{"seed: 1\n", 42, epochs({1.0 / 3, .1}), {{1, 2, .3f}, {}, {-0.0f}}};
  write_checkpoint(c, path_);
  const Checkpoint read = read_checkpoint(path_, "seed: 1\n");
  EXPECT_EQ(read.steps, 42);
  EXPECT_EQ(read.arrays, c.arrays);
  ASSERT_EQ(read.history.size(), 2u);
  EXPECT_EQ(read.history[0].validation_loss, 1.0 / 3);
  EXPECT_EQ(read.history[0].train_loss, 1.0 / 3 / 3);
  EXPECT_TRUE(read.history[1].is_best);
}

TEST_F(CheckpointFile, RefusesWhatDoesNotFit) {
  EXPECT_NE(message("").find("no checkpoint to resume"), std::string::npos);
  write_checkpoint({"batch: 64\nseed: 1\n", 1, {}, {{1, 2, 3}}}, path_);
  EXPECT_NE(message("batch: 64\nseed: 2\n").find("then 'seed: 1', now 'seed: 2'"), std::string::npos);
  const std::string bytes = read_file(path_);
  for (size_t size = 0; size < bytes.size(); ++size) {
    write_file_atomically(path_, std::string_view(bytes).substr(0, size));
    EXPECT_NE(message("batch: 64\nseed: 1\n"), "") << size;
  }
}

}  // namespace
}  // namespace slimpilot
