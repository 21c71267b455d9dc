// SPDX-License-Identifier: Apache-2.0
// examples/brain.py drives with the Python module as the engine does by itself: the same commands to the last bit, and a lap.
// PYTHONPATH says where the module is.
#include <gtest/gtest.h>

#include <cmath>

#include "eval/driver.h"
#include "formats/formats.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

TEST(Brain, DrivesAsTheEngineDoes) {
  const std::string model = SOURCE_DIR "/models/deepest_lstm_tiny_pilotnet.tflite";
  const Graph graph = simplify(read_model(model));
  const Plan plan(graph);
  constexpr int kPoints = 150;
  std::vector<Point> ring;
  for (int i = 0; i < kPoints; ++i)
    ring.push_back({12 * std::cos(i * 2 * M_PI / kPoints), 12 * std::sin(i * 2 * M_PI / kPoints)});
  const Track track(ring, 3);
  const EpisodeOptions options{.latency_s = {0.01}, .seed = 2};
  const Driver engine{.graph = &graph, .plan = &plan};
  const Driver brain{.program = PYTHON " " SOURCE_DIR "/examples/brain.py " + model};
  const Episode expected = drive_once(engine, track, options), driven = drive_once(brain, track, options);
  EXPECT_EQ(driven.end, EpisodeEnd::lap);
  EXPECT_GT(driven.commands.size(), 100);
  EXPECT_EQ(driven, expected);
}

}  // namespace
}  // namespace slimpilot
