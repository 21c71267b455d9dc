// SPDX-License-Identifier: Apache-2.0
// Frames of recordings as inputs of networks that see several.
#include "eval/dataset.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "data/formula1_writer.h"
#include "eval/offline.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

namespace fs = std::filesystem;

/// Two recordings of plain pictures; frame f of recording r has the colour 10·r + f.
class SeveralFrames : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("several_frames_" + std::to_string(getpid()));
    for (int r = 0; r < 2; ++r) {
      Formula1Writer writer(folder_ / std::to_string(r));
      for (int f = 0; f < 6; ++f) writer.add({2, 4, std::vector<uint8_t>(24, static_cast<uint8_t>(10 * r + f))}, 10, 0, f);
      writer.finish();
      dataset_.recordings.push_back(read_recording(folder_ / std::to_string(r)));
    }
    dataset_.columns = {{"v"}, {"w"}};
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path folder_;
  Dataset dataset_;
};

TEST_F(SeveralFrames, AreThoseBeforeInTheRecording) {
  dataset_.frames = {{0, 0}, {0, 1}, {1, 4}, {1, 0}, {0, 5}, {1, 2}, {0, 5}};
  const TensorView input{.name = "image", .shape = {1, 3, 2, 4, 3}};
  FrameReader reader(dataset_, {.frames_back = {3, 1, 0}}, input, Isa::reference);
  std::vector<float> target(72);
  const std::vector<std::vector<float>> expected{{0, 0, 0}, {0, 0, 1},    {11, 13, 14}, {10, 10, 10},
                                                 {2, 4, 5}, {10, 11, 12}, {2, 4, 5}};
  for (size_t i = 0; i < dataset_.size(); ++i) {
    reader.read(i, std::as_writable_bytes(std::span(target)));
    for (size_t k = 0; k < 3; ++k)
      EXPECT_EQ(std::vector<float>(24, expected[i][k]),
                std::vector<float>(target.begin() + static_cast<ptrdiff_t>(24 * k),
                                   target.begin() + static_cast<ptrdiff_t>(24 * k + 24)))
          << i << ' ' << k;
  }
}

/// In their order they are what a drive shows.
TEST_F(SeveralFrames, OfADriveAreThoseOfACamera) {
  dataset_.frames = all_frames(dataset_.recordings);
  const TensorView input{.name = "image", .shape = {1, 2, 4, 9}};
  for (const std::vector<int>& back : {std::vector<int>{}, {4, 2, 0}}) {
    const Preprocessing p{.scale = {.1f, .2f, .3f}, .frames_back = back};
    FrameReader reader(dataset_, p, input, Isa::reference);
    FrameInput camera(p, input, 2, 4, Isa::reference);
    std::vector<float> read(72), seen(72);
    for (size_t i = 0; i < dataset_.size(); ++i) {
      if (dataset_.frames[i].frame == 0) camera.forget();
      camera.prepare(read_image(dataset_.frame(i).image).pixels, std::as_writable_bytes(std::span(seen)));
      reader.read(i, std::as_writable_bytes(std::span(read)));
      EXPECT_EQ(read, seen) << i;
    }
  }
}

TEST_F(SeveralFrames, OfSeveralInputsAreTheirImages) {
  dataset_.frames = {{0, 3}, {1, 0}};
  Graph graph;
  const ValueId before = add_value(graph, "before", {1, 2, 4, 3}), now = add_value(graph, "now", {1, 2, 4, 3});
  graph.inputs = {before, now};
  graph.outputs = {append_node(graph, "stacked", Concat{3}, {before, now})};
  graph = join_image_inputs(graph);
  const Predictions seen = predict(Plan(graph), graph.preprocessing, dataset_, "frames", {});
  for (size_t i = 0; i < 48; ++i) {
    EXPECT_EQ(seen[0][i], i % 6 < 3 ? 2 : 3) << i;
    EXPECT_EQ(seen[1][i], 10) << i;
  }
}

}  // namespace
}  // namespace slimpilot
