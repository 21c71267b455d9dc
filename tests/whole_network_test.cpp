// SPDX-License-Identifier: Apache-2.0
// Whole networks through every technique: the same integers on every instruction set, the sizes of the study, and a run that
// allocates nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "base/random.h"
#include "engine/session.h"
#include "formats/formats.h"
#include "graph/networks.h"
#include "optimize/calibrate.h"
#include "optimize/pass_test.h"
#include "optimize/passes.h"
#include "optimize/recipes.h"

std::size_t allocation_count();  // counting_allocator.cpp

namespace slimpilot {
namespace {

/// Smooth pictures, so that activations look like those of camera frames.
void fill_picture(Random& random, const Preprocessing& p, std::span<float> target) {
  float level = 128;
  for (size_t i = 0; i < target.size(); ++i) {
    level = std::clamp(level + static_cast<float>(random.uniform(-20, 20)), 0.0f, 255.0f);
    target[i] = level * p.scale[i % 3] + p.offset[i % 3];
  }
}

/// A simplified network on which techniques can be tried.
struct Network {
  Graph graph;
  size_t frames;

  explicit Network(std::string_view name, size_t frame_count = 12) : Network(make_network(name, 3), frame_count) {}
  Network(const Graph& network, size_t frame_count) : graph(simplify(network)), frames(frame_count) {}

  Graph run(const Technique& technique) const {
    IdleTuner tuner;
    std::optional<Calibration> calibration;
    const auto calibrate = [&](const Graph& g) -> const Calibration& {
      return calibration.emplace(g, CalibrationOptions{}, first_frames(frames),
                                 [this](const FrameId& id, std::span<float> target) {
                                   Random random(id.frame);
                                   fill_picture(random, graph.preprocessing, target);
                                 });
    };
    return run_recipe(technique.steps, {calibrate, &tuner, &graph});
  }
  Graph run(std::string_view name) const { return run(find_techniques(standard_techniques(), {std::string(name)})[0]); }
};

/// The outputs' bytes for one input that is the same on every instruction set.
std::vector<std::byte> outputs_of(const Graph& graph, Isa isa, uint64_t seed) {
  const Plan plan(graph, {.isa = isa});
  EXPECT_EQ(plan.isa(), isa);
  Session session(plan);
  Random random(seed);
  const auto input = session.input();
  if (plan.inputs()[0].type == ElementType::f32)
    fill_picture(random, graph.preprocessing, {reinterpret_cast<float*>(input.data()), input.size() / sizeof(float)});
  else
    for (std::byte& b : input) b = static_cast<std::byte>(random.next());
  session.run();
  std::vector<std::byte> bytes;
  for (size_t o = 0; o < plan.outputs().size(); ++o)
    bytes.insert(bytes.end(), session.output(o).begin(), session.output(o).end());
  return bytes;
}

class WholeNetwork : public testing::TestWithParam<std::string_view> {};

TEST_P(WholeNetwork, GivesTheSameIntegersOnEveryIsa) {
  const Network network(GetParam());
  for (const std::string_view name : {"int8_only", "int8_float_fallback", "int16x8"}) {
    const Graph graph = network.run(name);
    for (uint64_t seed = 0; seed < 2; ++seed) {
      const auto expected = outputs_of(graph, Isa::reference, seed);
      for (const Isa isa : supported_isas()) EXPECT_EQ(outputs_of(graph, isa, seed), expected) << name << " " << isa_name(isa);
    }
  }
}

TEST_P(WholeNetwork, RunAllocatesNothing) {
  const Network network(GetParam());
  for (const Technique& t : standard_techniques()) {
    const Plan plan(network.run(t));
    Session session(plan);
    session.run();
    const size_t before = allocation_count();
    for (int i = 0; i < 3; ++i) session.run();
    EXPECT_EQ(allocation_count(), before) << t.name;
  }
}

TEST_P(WholeNetwork, SurvivesEveryTechniqueAndItsFile) {
  const Network network(GetParam());
  for (const Technique& t : standard_techniques()) {
    const Graph graph = network.run(t);
    const size_t tflite_bytes = to_tflite(graph).size();
    EXPECT_GT(tflite_bytes, 10000u) << t.name;
    const std::vector<std::byte> slim = to_slim(graph);
    EXPECT_LT(slim.size(), tflite_bytes) << t.name;
    EXPECT_TRUE(read_slim(slim) == graph) << t.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, WholeNetwork, testing::Values("pilotnet", "deepest_lstm_tiny_pilotnet"),
                         [](const auto& network) { return std::string(network.param); });

/// Three images that a ConvLSTM reads, and an LSTM that remembers the frames before.
Graph recurrent_network() {
  TestNetwork n({1, 30, 24, 3});
  for (float& scale : n.graph().preprocessing.scale) scale = 1.0f / 255;
  n.node("sequence", Reshape{{1, 3, 10, 24, 3}}).conv_lstm("images", 8, 3, {.stride_w = 2, .return_sequences = true});
  n.node("rows", Reshape{{1, 3, 960}}).lstm("memory", 24, {.stateful = true});
  return n.dense("out", 2).finish();
}

TEST(RecurrentNetwork, SurvivesEveryTechniqueAndItsFileAndAllocatesNothing) {
  const Network network(recurrent_network(), 12);
  for (const Technique& t : standard_techniques()) {
    const Graph graph = network.run(t);
    EXPECT_TRUE(read_slim(to_slim(graph)) == graph) << t.name;
    const Plan plan(graph);
    EXPECT_EQ(plan.states().size(), 1u) << t.name;
    Session session(plan);
    session.run();
    const size_t before = allocation_count();
    for (int i = 0; i < 3; ++i) session.run();
    session.reset_state();
    EXPECT_EQ(allocation_count(), before) << t.name;
  }
}

TEST(RecurrentNetwork, GivesTheSameIntegersOnEveryIsa) {
  const Network network(recurrent_network(), 12);
  for (const std::string_view name : {"int8_only", "int8_float_fallback", "pcqat"}) {
    const Graph graph = network.run(name);
    const auto expected = outputs_of(graph, Isa::reference, 5);
    for (const Isa isa : supported_isas()) EXPECT_EQ(outputs_of(graph, isa, 5), expected) << name << " " << isa_name(isa);
  }
}

TEST(PilotnetSame, HasTheSizesOfTheStudy) {
  const Network network("pilotnet_same", 2);
  const auto megabytes = [&](std::string_view name) {
    return static_cast<double>(to_tflite(network.run(name)).size()) / (1 << 20);
  };
  EXPECT_NEAR(megabytes("float32"), 64.9, 0.05);
  EXPECT_NEAR(megabytes("float16"), 32.5, 0.05);
  for (const std::string_view name : {"dynamic_range", "int8_float_fallback", "int8_only"})
    EXPECT_NEAR(megabytes(name), 16.24, 0.05) << name;
}

TEST(Isa, TheForcedOneIsUsedAndAnUnknownOneIsAnError) {
  setenv("SLIMPILOT_ISA", "reference", 1);
  EXPECT_EQ(Plan(simplify(make_network("pilotnet", 1))).isa(), Isa::reference);
  setenv("SLIMPILOT_ISA", "avx1024", 1);
  EXPECT_THROW(selected_isa(), Error);
  unsetenv("SLIMPILOT_ISA");
  EXPECT_EQ(selected_isa(), supported_isas().back());
}

}  // namespace
}  // namespace slimpilot
