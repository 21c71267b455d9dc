// SPDX-License-Identifier: Apache-2.0
// Training runs on a tiny synthetic recording.
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "engine/frame_input.h"
#include "graph/networks.h"
#include "host/atomic_file.h"
#include "optimize/pass_test.h"
#include "training/frame_cache.h"
#include "training/train.h"
#include "training/training_test.h"

namespace slimpilot {
namespace {

namespace fs = std::filesystem;

class Training : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = fs::path(testing::TempDir()) / ("training_" + std::to_string(getpid()));
    write_recording(folder_ / "a", 160, 1);
    write_recording(folder_ / "b", 48, 2);
  }
  static void TearDownTestSuite() { fs::remove_all(folder_); }
  void SetUp() override { fs::remove(checkpoint()); }

  static fs::path checkpoint() { return folder_ / "run.checkpoint"; }
  static Dataset dataset(const char* name) { return dataset_of(folder_ / name); }
  static Graph small_network() {
    TestNetwork n({1, 12, 20, 3});
    n.batch_norm("norm").conv("conv", 6, 3, {.stride_h = 2, .stride_w = 2, .activation = ActivationKind::relu});
    n.flatten().dense("dense", 16).activation("relu", ActivationKind::relu).dense("out", 2);
    Graph graph = n.finish();
    graph.preprocessing = {.resize = true, .scale = {.01f, .01f, .01f}};
    return graph;
  }
  static Graph lstm_network() {
    Graph graph = make_network("deepest_lstm_tiny_pilotnet", 1, {.initialization = Initialization::keras});
    graph.preprocessing.crop_top = graph.preprocessing.crop_bottom = 0;
    return graph;
  }

  /// On one thread unless the options say otherwise: libtorch's wait for each other actively, which is slow on a busy machine.
  Graph run(const Graph& graph, TrainOptions options, const TrainFiles& files = {}, int stop_after = 1 << 30) {
    history_.clear();
    if (options.threads == 0) options.threads = 1;
    return train(graph, data_, options, files, {{}, [&](const EpochResult& e) {
                                                  history_.push_back(e);
                                                  if (e.epoch == stop_after) throw Cancelled();
                                                }});
  }

  static inline fs::path folder_;
  TrainData data_{dataset("a"), dataset("b")};
  std::vector<EpochResult> history_;
};

TEST_F(Training, LossFalls) {
  const Graph trained = run(small_network(), {.epochs = 25, .batch = 16, .learning_rate = 3e-3, .mirror = true});
  ASSERT_EQ(history_.size(), 25u);
  EXPECT_LT(history_.back().train_loss, history_.front().train_loss / 5);
  EXPECT_LT(history_.back().validation_loss, history_.front().validation_loss / 2);
}

TEST_F(Training, ReturnsTheBestEpoch) {
  const Graph trained = run(small_network(), {.epochs = 6, .batch = 16, .learning_rate = 3e-2});
  double best = INFINITY;
  for (const EpochResult& e : history_) best = std::min(best, e.validation_loss);
  const Plan plan(trained);
  FrameInput prepare(trained.preprocessing, plan.inputs()[0], 24, 40, plan.isa());
  Session session(plan);
  std::vector<float> outputs;
  double sum = 0;
  for (size_t i = 0; i < data_.validation.size(); ++i) {
    prepare.prepare(read_image(data_.validation.frame(i).image).pixels, session.input());
    session.run();
    session.read_outputs(outputs);
    const auto labels = data_.validation.labels(i);
    for (size_t o = 0; o < labels.size(); ++o) sum += std::pow(outputs[o] - labels[o], 2);
  }
  EXPECT_NEAR(sum / static_cast<double>(2 * data_.validation.size()), best, 1e-6);
}

TEST_F(Training, RepeatsBitForBit) {
  const TrainOptions options{
      .epochs = 2, .augmentations = {Augmentation::gamma, Augmentation::shift}, .threads = 2, .is_new = true};
  const Graph first = run(lstm_network(), options), second = run(lstm_network(), options);
  EXPECT_EQ(first, second);
  TrainOptions other = options;
  other.seed = 2;
  EXPECT_NE(first, run(lstm_network(), other));
}

TEST_F(Training, ResumesAsIfNeverInterrupted) {
  TrainOptions options{.epochs = 5,
                       .batch = 32,
                       .schedule = Schedule::plateau,
                       .mirror = true,
                       .balance = true,
                       .augmentations = {Augmentation::brightness, Augmentation::hue, Augmentation::blur},
                       .epoch_frames = 200,
                       .is_new = true};
  const Graph whole = run(lstm_network(), options);
  const auto history = history_;
  const TrainFiles files{checkpoint(), folder_ / "log.csv"};
  EXPECT_THROW(run(lstm_network(), options, files, 2), Cancelled);
  options.resume = true;
  EXPECT_THROW(run(lstm_network(), options, files, 3), Cancelled);
  EXPECT_EQ(run(lstm_network(), options, files), whole);
  ASSERT_EQ(history_.size(), 2u);
  EXPECT_EQ(history_.back().validation_loss, history.back().validation_loss);
  const std::string log = read_file(folder_ / "log.csv");
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 6);
}

TEST_F(Training, RefusesAnotherRunsCheckpoint) {
  TrainOptions options{.epochs = 1};
  run(small_network(), options, {checkpoint(), {}});
  options.resume = true;
  options.batch = 32;
  try {
    run(small_network(), options, {checkpoint(), {}});
    FAIL() << "another batch size was accepted";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("then 'batch: 64', now 'batch: 32'"), std::string::npos) << e.what();
  }
}

TEST_F(Training, StopsWhenNothingImproves) {
  run(small_network(), {.epochs = 50, .batch = 16, .learning_rate = 1e-30, .patience = 2});
  ASSERT_LT(history_.size(), 50u);
  ASSERT_GE(history_.size(), 3u);
  EXPECT_FALSE(history_.back().is_best || history_[history_.size() - 2].is_best);
  EXPECT_TRUE(history_[history_.size() - 3].is_best);
}

TEST_F(Training, RelativeStepsFollowTheSizeOfWeights) {
  const Graph graph = small_network();
  const auto largest_change = [&](bool relative) {
    const double rate = .01;  // Adam's first step is as long as the rate
    const Graph trained = run(graph, {.epochs = 1, .batch = 160, .learning_rate = rate, .relative_steps = relative});
    std::vector<double> of_root_mean_square;
    for (size_t i = 0; i < graph.values.size(); ++i) {
      if (!graph.values[i].is_constant() || graph.values[i] == trained.values[i]) continue;
      const auto before = graph.values[i].elements<float>(), after = trained.values[i].elements<float>();
      double change = 0, square = 0, nonzero = 0;
      for (size_t e = 0; e < before.size(); ++e) {
        change = std::max<double>(change, std::abs(after[e] - before[e]));
        square += std::pow(before[e], 2), nonzero += before[e] != 0;
      }
      const double per_output = static_cast<double>(before.size()) / graph.values[i].shape[0];
      const double size = std::sqrt(square / nonzero) * std::min(1.0, 10 / std::sqrt(per_output));
      if (graph.values[i].shape.size() > 1) of_root_mean_square.push_back(change / (rate * (relative ? size : 1)));
    }
    return of_root_mean_square;
  };
  for (const bool relative : {true, false}) {
    const auto changes = largest_change(relative);
    ASSERT_GE(changes.size(), 3u);
    for (const double change : changes) EXPECT_NEAR(change, 1, .02);
  }
}

TEST_F(Training, OneBatchLearnsWithEverySchedule) {
  const Graph graph = small_network();
  for (const Schedule schedule : {Schedule::constant, Schedule::cosine, Schedule::warm_cosine, Schedule::plateau})
    EXPECT_NE(run(graph, {.epochs = 1, .batch = 160, .learning_rate = .01, .schedule = schedule}), graph);
}

TEST_F(Training, SaysWhenTheLossIsNoNumber) {
  Graph graph = small_network();
  graph.preprocessing.scale[0] = 1e38f;
  EXPECT_THROW(run(graph, {.epochs = 1}), Error);
}

TEST_F(Training, BatchesAreWhatTheEngineReads) {
  for (const ColorOrder color : {ColorOrder::rgb, ColorOrder::bgr, ColorOrder::yuv}) {
    Graph graph = small_network();
    graph.preprocessing.color = color;
    graph.preprocessing.crop_top = 3, graph.preprocessing.crop_bottom = 22;
    const FrameCache cache(data_.validation, graph, "reading", {});
    const Sample samples[] = {{7, false}, {3, false}};
    Batch batch;
    cache.read(samples, {}, 1, 0, batch);
    const Plan plan(graph);
    FrameInput prepare(graph.preprocessing, plan.inputs()[0], 24, 40, plan.isa());
    std::vector<float> expected(cache.input_elements());
    for (size_t i = 0; i < 2; ++i) {
      prepare.prepare(read_image(data_.validation.frame(samples[i].frame).image).pixels,
                      std::as_writable_bytes(std::span(expected)));
      EXPECT_TRUE(
          std::equal(expected.begin(), expected.end(), batch.inputs.begin() + static_cast<ptrdiff_t>(i * expected.size())));
    }
  }
}

TEST_F(Training, BatchesOfSeveralFramesAreWhatADriveShows) {
  Dataset some = data_.validation;
  some.frames = {{0, 0}, {0, 1}, {0, 7}};
  for (const Shape& shape : {Shape{1, 12, 20, 9}, Shape{1, 3, 12, 20, 3}}) {
    Graph graph = TestNetwork(shape).flatten().dense("out", 2).finish();
    graph.preprocessing = {.resize = true, .color = ColorOrder::bgr, .scale = {.1f, .2f, .3f}, .frames_back = {4, 1, 0}};
    const FrameCache cache(some, graph, "reading", {});
    const Sample samples[] = {{2, false}, {0, false}, {1, false}};
    Batch batch;
    cache.read(samples, {}, 1, 0, batch);
    ASSERT_EQ(batch.inputs.size(), 3 * 12 * 20 * 9u);
    FrameInput camera(graph.preprocessing, {.shape = shape}, 24, 40, selected_isa());
    std::vector<float> expected(cache.input_elements());
    for (size_t f = 0; f < 8; ++f) {
      camera.prepare(read_image(some.recordings[0].frames[f].image).pixels, std::as_writable_bytes(std::span(expected)));
      const auto sample = std::ranges::find_if(samples, [&](const Sample& x) { return some.frames[x.frame].frame == f; });
      if (sample == std::end(samples)) continue;
      const auto place = (sample - std::begin(samples)) * static_cast<ptrdiff_t>(expected.size());
      EXPECT_TRUE(std::equal(expected.begin(), expected.end(), batch.inputs.begin() + place)) << f;
    }
  }
}

TEST_F(Training, AllImagesOfAnInputAreChangedAlike) {
  Graph graph = TestNetwork({1, 2, 24, 40, 3}).flatten().dense("out", 2).finish();
  graph.preprocessing.frames_back = {0, 0};
  const FrameCache cache(data_.validation, graph, "reading", {});
  const Sample samples[] = {{7, true}, {7, false}};
  Batch batch;
  cache.read(samples, parse_augmentations({"all", "shift"}), 1, 0, batch);
  const auto image = [&](ptrdiff_t i) { return std::span(batch.inputs).subspan(static_cast<size_t>(i) * 2880, 2880); };
  EXPECT_TRUE(std::ranges::equal(image(0), image(1)));
  EXPECT_TRUE(std::ranges::equal(image(2), image(3)));
  EXPECT_FALSE(std::ranges::equal(image(0), image(2)));
}

}  // namespace
}  // namespace slimpilot
