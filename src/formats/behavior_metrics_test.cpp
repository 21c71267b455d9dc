// SPDX-License-Identifier: Apache-2.0
// Which robot a brain is for, and what it is told. That brains drive is tested in tests/behavior_metrics_test.py.
#include "formats/behavior_metrics.h"

#include <gtest/gtest.h>

#include "graph/networks.h"

namespace slimpilot {
namespace {

std::string brain(const std::vector<OutputMeaning>& outputs) {
  return brain_program(make_network("deepest_lstm_tiny_pilotnet", 1, {.outputs = outputs}), {.name = "model"});
}

void expect_part(const std::string& text, const std::string& part) { EXPECT_NE(text.find(part), std::string::npos) << text; }

TEST(Brain, OfGazeboSendsSpeedAndTurn) {
  const std::string text = brain({{"w", "", -3, 5}, {"v", "", 1, 2.5f}});
  expect_part(text, "command = np.array([numbers[1], numbers[0]])");
  expect_part(text, "sendV(float(command[0]))");
  expect_part(text, "sendW(float(command[1]))");
  expect_part(text, "scaled = (command - [1, -3]) / [1.5, 8]");
  EXPECT_EQ(text.find("cameras_first_images"), std::string::npos);
}

TEST(Brain, OfCarlaMayBrake) {
  const std::string text = brain({{"brake"}, {"throttle"}, {"steer", "", -1, 1}});
  expect_part(text, "command = np.clip([numbers[1], numbers[2], numbers[0]], [0, -1, 0], [1, 1, 1])");
  for (const char* call : {"sendThrottle(float(command[0]))", "sendSteer(float(command[1]))", "sendBrake(float(command[2]))"})
    expect_part(text, call);
  expect_part(text, "scaled = (command - [0, -1, 0]) / [1, 2, 1]");
  expect_part(brain({{"throttle"}, {"steer", "", -1, 1}}), "sendBrake(0.0)");
}

TEST(Brain, IsWhole) {
  for (const auto& outputs : {std::vector<OutputMeaning>{{"v"}, {"w"}}, {{"throttle"}, {"steer"}}})
    for (const BrainRuntime runtime : {BrainRuntime::slimpilot, BrainRuntime::litert}) {
      const Graph graph = make_network("deepest_lstm_tiny_pilotnet", 1, {.outputs = outputs});
      const BrainOptions options{.runtime = runtime, .name = "model"};
      EXPECT_EQ(brain_program(graph, options).find('@'), std::string::npos) << "a word was not replaced";
      EXPECT_EQ(brain_configuration(graph, options).find('@'), std::string::npos);
    }
}

}  // namespace
}  // namespace slimpilot
