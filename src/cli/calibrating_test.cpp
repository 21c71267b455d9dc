// SPDX-License-Identifier: Apache-2.0
// A network with state is calibrated, evaluated and compared as it is on a drive, whichever frames are chosen.
#include "cli/calibrating.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "data/formula1_writer.h"
#include "eval/compare_layers.h"
#include "eval/offline.h"
#include "optimize/pass_test.h"

namespace slimpilot {
namespace {

namespace fs = std::filesystem;

/// Frame → LSTM that forgets slowly → two outputs.
Graph remembering() {
  TestNetwork n({1, 2, 4, 3});
  n.node("row", Reshape{{1, 1, 24}}).lstm("memory", 5, {.stateful = true}).dense("commands", 2);
  for (int unit = 0; unit < 5; ++unit) n.graph().value(n.graph().nodes[1].inputs[3]).elements<float>()[5 + unit] = 2.5f;
  Graph graph = n.finish();
  for (float& scale : graph.preprocessing.scale) scale = 1 / 255.0f;
  return graph;
}

/// A drive of 600 plain pictures, slowly from dark to light and back, with some noise.
class Memory : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = fs::path(testing::TempDir()) / ("memory_" + std::to_string(getpid()));
    Formula1Writer writer(folder_);
    Random random(3);
    for (int f = 0; f < 600; ++f) {
      const double grey = 100 + 90 * std::sin(f / 40.0) + random.uniform(-10, 10);
      writer.add({2, 4, std::vector<uint8_t>(24, static_cast<uint8_t>(grey))}, 10, 0, f);
    }
    writer.finish();
    all_.recordings.push_back(read_recording(folder_));
    all_.columns = {{"v"}, {"w"}};
    all_.frames = all_frames(all_.recordings);
  }
  static void TearDownTestSuite() { fs::remove_all(folder_); }

  /// What a value is in each frame of the drive.
  static Predictions in_order(Graph graph, const std::string& value) {
    for (const Node& node : graph.nodes)
      if (graph.value(node.output).name == value) graph.outputs = {node.output};
    return predict(Plan(graph), graph.preprocessing, all_, "", {});
  }

  static inline fs::path folder_;
  static inline Dataset all_;
};

TEST_F(Memory, HasTheRangesOfADrive) {
  const Graph graph = remembering();
  const CalibratingOptions options{.method = "minmax", .frames = 40};
  std::vector<FrameId> selected;
  for (size_t i = 0; i < all_.size(); i += 4) selected.push_back(all_.frames[i]);
  const SplitFrames frames = split_frames(options, graph, all_, selected);
  ASSERT_EQ(frames.calibration.size(), 40u);
  EXPECT_EQ(frames.evaluated.frames, selected);
  Calibrator calibrator(options, graph, frames.calibration);
  const Calibration& calibration = calibrator(graph);
  const Predictions memory = in_order(graph, "memory");
  ValueRange expected{1, -1}, drive{1, -1};
  const auto widen = [](ValueRange& range, const std::vector<float>& numbers) {
    for (const float x : numbers) range.low = std::min(range.low, x), range.high = std::max(range.high, x);
  };
  for (const FrameId& id : frames.calibration.frames) widen(expected, memory[id.frame]);
  for (const auto& numbers : memory) widen(drive, numbers);
  EXPECT_NEAR(calibration.observed("memory").low, expected.low, .003);
  EXPECT_NEAR(calibration.observed("memory").high, expected.high, .003);
  EXPECT_NEAR(calibration.observed("memory").low, drive.low, .03) << "the chosen frames hold its ends";
  EXPECT_NEAR(calibration.observed("memory").high, drive.high, .03);
  for (const double error : calibration.mean_error(graph)) EXPECT_NEAR(error, 0, 1e-6);
}

TEST_F(Memory, IsWholeWhateverIsEvaluated) {
  const Graph graph = remembering();
  const Predictions drive = in_order(graph, "commands");
  Dataset some = all_;
  some.frames = {{0, 3}, {0, 4}, {0, 50}, {0, 300}, {0, 10}};
  const Predictions seen = predict(Plan(graph), graph.preprocessing, some, "", {});
  ASSERT_EQ(seen.size(), some.size());
  for (size_t i = 0; i < some.size(); ++i) EXPECT_EQ(seen[i], drive[some.frames[i].frame]) << i;
}

/// The layer's deviation over a few frames is that of its numbers in a drive, after the factors that match channels.
TEST_F(Memory, IsWholeInComparedLayers) {
  const Graph graph = remembering();
  Graph other = graph;
  other.value(other.nodes[1].inputs[2]).elements<float>()[7] += .2f;
  Dataset some = all_;
  some.frames = {{0, 30}, {0, 120}, {0, 400}};
  const Predictions r = in_order(graph, "memory"), x = in_order(other, "memory");
  ChannelMatch match(5);
  for (const FrameId& id : some.frames) match.add(r[id.frame], x[id.frame]);
  match.match();
  DeviationSums sums;
  for (const FrameId& id : some.frames) {
    std::vector<float> matched;
    match.apply(x[id.frame], matched);
    for (size_t i = 0; i < matched.size(); ++i) sums.add(r[id.frame][i], matched[i]);
  }
  const auto layers = compare_layers(other, graph, some, {});
  const auto memory = std::ranges::find(layers, "memory", &LayerDeviation::name);
  ASSERT_NE(memory, layers.end());
  EXPECT_NEAR(memory->deviation.sqnr_db, sums.result().sqnr_db, 1e-6);
}

}  // namespace
}  // namespace slimpilot
