// SPDX-License-Identifier: Apache-2.0
#include "engine/choose_ways.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "base/random.h"
#include "engine/session_test.h"
#include "graph/networks.h"

namespace slimpilot {
namespace {

TEST(ChooseWays, AllGiveTheSameNumbersAndTheLeastTimeWins) {
  const Graph graph = make_network("deepest_lstm_tiny_pilotnet", 1, {.initialization = Initialization::keras});
  Random random(2);
  std::vector<float> input(static_cast<size_t>(element_count(graph.value(graph.inputs[0]).shape)));
  for (float& x : input) x = static_cast<float>(random.uniform(0, 1));
  const auto bytes = std::as_bytes(std::span(input));
  const std::vector<std::vector<std::byte>> inputs(3, {bytes.begin(), bytes.end()});
  std::vector<PlanOptions> all;
  for (const Isa isa : supported_isas()) {
    all.push_back({.isa = isa});
    if (has_reduced_arithmetic(isa)) all.push_back({.isa = isa, .arithmetic = Arithmetic::reduced});
  }
  for (const PlanOptions& options : all) {
    SCOPED_TRACE(std::string(isa_name(options.isa)) + " " + std::string(arithmetic_name(options.arithmetic)));
    const Plan plain(graph, options);
    const auto measured = measure_ways(graph, plain, inputs, 2);
    EXPECT_EQ(measured.empty(), options.isa == Isa::reference);
    const std::vector<float> expected = outputs_of(plain, input);
    for (const StepWays& step : measured) {
      ASSERT_EQ(step.ways.size(), step.microseconds.size());
      for (size_t w = 0; w < step.ways.size(); ++w) {
        EXPECT_LE(step.microseconds[step.best], step.microseconds[w]);
        PlanOptions other = options;
        other.ways = {{step.step, std::string(step.ways[w])}};
        const Plan plan(graph, other);
        for (const Step& s : plan.steps())
          if (s.name == step.step) {
            EXPECT_EQ(s.way, step.ways[w]);
          }
        EXPECT_EQ(outputs_of(plan, input), expected) << step.step << " " << step.ways[w];
      }
    }
  }
}

TEST(ChooseWays, RefusesWhatThereIsNot) {
  for (const Isa isa : supported_isas())
    if (!has_reduced_arithmetic(isa)) {
      EXPECT_THROW(Plan(make_network("pilotnet", 1), {.isa = isa, .arithmetic = Arithmetic::reduced}), Error);
    }
  const Graph graph = make_network("deepest_lstm_tiny_pilotnet", 1, {.initialization = Initialization::keras});
  EXPECT_THROW(Plan(graph, {.ways = {{"dense1", "abacus"}}}), Error);
  EXPECT_THROW(Plan(graph, {.ways = {{"dense99", "reference"}}}), Error);
  const Plan plan(graph);
  const auto alone = std::ranges::find_if(plan.steps(), [](const Step& s) { return s.ways.empty(); });
  ASSERT_NE(alone, plan.steps().end());
  const Ways ways{{alone->name, std::string("reference")}};
  EXPECT_THROW(Plan(graph, {.ways = ways}), Error) << "there is one way only";
}

}  // namespace
}  // namespace slimpilot
