// SPDX-License-Identifier: Apache-2.0
// Drives of networks, and that neither threads nor order play a part.
#include "eval/driver.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "graph/networks.h"
#include "sim/track_test.h"

namespace slimpilot {
namespace {

struct Network {
  explicit Network(Graph g) : graph(std::move(g)), plan(graph) {}
  Graph graph;
  Plan plan;
};

TEST(Driver, ResultsDoNotDependOnThreadsOrOrder) {
  const Track track(ring(10), 3);
  const Network network(make_network("deepest_lstm_tiny_pilotnet", 1));
  EpisodeOptions base{.latency_s = {0, 0.01, 0.03}, .timeout_s = 2, .scenery = parse_scenery("rain")};
  for (const Driver& driver : {Driver{}, Driver{.graph = &network.graph, .plan = &network.plan}}) {
    const auto episodes = episodes_of(track, base, 3, true, 2);
    ASSERT_EQ(episodes.size(), 12);
    const std::vector<Episode> together = drive_all(driver, track, episodes, {});
    for (size_t i = episodes.size(); i-- > 0;) EXPECT_EQ(drive_once(driver, track, episodes[i]), together[i]);
    EXPECT_NE(together[0], together[1]);  // another seed draws other delays
  }
}

TEST(Driver, StartsAreSpreadAndBothDirectionsDriven) {
  const Track track(ring(10), 3);
  const auto episodes = episodes_of(track, {.start_arc_m = 1, .seed = 5}, 2, true, 1);
  ASSERT_EQ(episodes.size(), 4);
  EXPECT_EQ(episodes[0].start_arc_m, 1);
  EXPECT_FALSE(episodes[0].reverse);
  EXPECT_TRUE(episodes[1].reverse);
  EXPECT_NEAR(episodes[2].start_arc_m, 1 + track.length_m() / 2, 1e-9);
  EXPECT_EQ(episodes[3].seed, 5);
}

/// A shell program that says `answer` to each of the camera's frames.
std::string program_that_says(const std::string& answer) {
  return "while [ \"$(head -c 921600 | wc -c)\" = 921600 ]; do echo '" + answer + "'; done";
}

TEST(ProgramPilot, DrivesAsItSays) {
  const Track track(ring(10), 3);
  const EpisodeOptions options{.timeout_s = 3};
  const Driver program{.program = program_that_says(R"({"frame": "0", "commands": {"w": 0.59, "v": 6}, "latency_us": 3.1})")};
  EXPECT_EQ(drive_once(program, track, options), drive_once(Driver{.constant = Command{6, .59}}, track, options));
}

TEST(ProgramPilot, OtherAnswersAreErrors) {
  const Track track(ring(10), 3);
  for (const char* answer : {"hello", "", "[]", R"({"v": 6, "w": 1})", R"({"commands": [6, 1]})", R"({"commands": {"v": 6}})",
                             R"({"commands": {"v": 6, "w": null}})", R"({"commands": {"v": 6, "w": 1e999}})"}) {
    try {
      drive_once(Driver{.program = program_that_says(answer)}, track, {});
      ADD_FAILURE() << answer;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("answered '" + std::string(answer) + "'; a line for each frame"), std::string::npos)
          << e.what();
    }
  }
}

TEST(NetworkPilot, CommandsAreInTheOutputsUnits) {
  const Network network(make_network("pilotnet", 2));
  NetworkPilot pilot(network.graph, network.plan);
  EXPECT_EQ(pilot.first_row(), 240);
  const Track track(ring(10), 3);
  Camera camera(track, {});
  Image frame;
  camera.render(track.pose_at(0), 240, 1, frame);
  FrameInput input(network.graph.preprocessing, network.plan.inputs()[0], 480, 640, network.plan.isa());
  Session session(network.plan);
  input.prepare(frame.pixels, session.input());
  session.run();
  std::vector<float> outputs;
  session.read_outputs(outputs);
  const Command command = pilot(frame);
  EXPECT_NEAR(command.v, 6.5 + 17.5 * static_cast<double>(outputs[0]), 1e-5);
  EXPECT_NEAR(command.w, -7.1 + 14.2 * static_cast<double>(outputs[1]), 1e-5);
}

TEST(NetworkPilot, ANetworkWithoutSpeedCannotDrive) {
  const Network network(make_network("pilotnet", 2, {.outputs = {{"steering", "", 0, 1}}}));
  EXPECT_THROW(NetworkPilot(network.graph, network.plan), Error);
}

}  // namespace
}  // namespace slimpilot
