// SPDX-License-Identifier: Apache-2.0
// Recipes as text, and what the passes of techniques that train leave in the weights.
#include "optimize/recipes.h"

#include <gtest/gtest.h>

#include <map>

#include "base/error.h"
#include "graph/weights.h"
#include "optimize/pass_test.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

Graph small_pilot() {
  return TestNetwork({1, 16, 20, 3})
      .conv("conv1", 8, 5, {2, 2, Padding::valid, ActivationKind::relu})
      .conv("conv2", 12, 3, {1, 1, Padding::same, ActivationKind::relu})
      .flatten()
      .dense("dense1", 20)
      .activation("relu", ActivationKind::relu)
      .dense("dense2", 2)
      .finish();
}

std::string error_of(const std::string& recipe) {
  try {
    parse_recipe(recipe);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Recipes, AreText) {
  const auto steps = parse_recipe(" prune  sparsity=0.75|tune rate=1e-05 epochs=3 | quantize_integer");
  ASSERT_EQ(steps.size(), 3u);
  EXPECT_EQ(steps[0].settings.at("sparsity"), 0.75);
  EXPECT_EQ(steps[1].settings.at("teacher"), 0);
  EXPECT_EQ(to_text(steps), "prune sparsity=0.75 | tune epochs=3 rate=1e-05 | quantize_integer");
  EXPECT_TRUE(parse_recipe(" ").empty());
  for (const Technique& t : standard_techniques()) EXPECT_EQ(to_text(parse_recipe(to_text(t.steps))), to_text(t.steps));
}

TEST(Recipes, SayWhatIsUnknown) {
  EXPECT_NE(error_of("shrink").find("there is no pass 'shrink'; the passes are: prune, "), std::string::npos);
  EXPECT_NE(error_of("tune speed=1").find("no setting of tune; it has epochs=…, rate=…"), std::string::npos);
  EXPECT_NE(error_of("tune epochs=many").find("sets no number"), std::string::npos);
  EXPECT_NE(error_of("prune | | tune").find("nothing between"), std::string::npos);
  EXPECT_NE(error_of("tune teacher=1.5").find("teacher of tune must be 0 to 1, not 1.5"), std::string::npos);
  EXPECT_NE(error_of("tune epochs=2.5").find("epochs of tune must be 1 to 10000, a multiple of 1, not 2.5"), std::string::npos);
  EXPECT_NE(error_of("quantize_integer bits=12").find("8 to 16, a multiple of 8, not 12"), std::string::npos);
  EXPECT_NE(error_of("prune sparsity=1").find("0 to 0.999, not 1"), std::string::npos);
  EXPECT_NE(error_of("cluster dense=nan").find("dense of cluster must be"), std::string::npos);
  EXPECT_NE(error_of("cluster convolutions=1").find("must be 2 to 256"), std::string::npos);
  EXPECT_NE(error_of("tune rate=nan").find("rate of tune must be"), std::string::npos);
  EXPECT_NE(error_of("quantize_float16 bits=8").find("which has none"), std::string::npos);
}

TEST(Recipes, AreFoundByName) {
  const auto all = standard_techniques();
  EXPECT_EQ(find_techniques(all, {"all"}).size(), all.size());
  EXPECT_EQ(find_techniques(all, {"post_training"}).size(), 7u);
  const auto two = find_techniques(all, {"int8_only", "float32"});
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(two[0].name, "float32");
  EXPECT_EQ(two[1].name, "int8_only");
  try {
    find_techniques(all, {"int7"});
    ADD_FAILURE();
  } catch (const Error& error) {
    for (const Technique& t : all) EXPECT_NE(std::string(error.what()).find(t.name), std::string::npos);
  }
}

TEST(Recipes, RefuseWhatMakesNoSense) {
  const Graph graph = small_pilot();
  const auto inputs = random_inputs(graph, 10, 0, 1, 21);
  const Graph integer = technique("int8_only", graph, inputs);
  IdleTuner tuner;
  const auto error_of_run = [&](const std::string& recipe, const Graph& original) -> std::string {
    const Calibration calibration = calibrated(graph, inputs);
    const PassContext context{[&](const Graph&) -> const Calibration& { return calibration; }, &tuner, &original};
    try {
      run_recipe(parse_recipe(recipe), context);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  for (const char* recipe : {"prune", "cluster", "prune_channels", "equalize_channels", "quantize_float16", "quantize_integer"})
    EXPECT_NE(error_of_run(recipe, integer).find("needs float32 weights"), std::string::npos) << recipe;
  EXPECT_EQ(error_of_run("tune", integer), "");
  EXPECT_NE(error_of_run("cluster | equalize_channels", graph).find("put equalize_channels before cluster"), std::string::npos);
  EXPECT_EQ(error_of_run("prune | equalize_channels | cluster | quantize_integer", graph), "");
}

struct Memory : StepCache {
  bool has(const std::string& steps) const override { return graphs.contains(steps); }
  std::map<std::string, Graph> graphs;
  int found = 0;
  const Graph* find(const std::string& steps) override {
    const auto kept = graphs.find(steps);
    found += kept != graphs.end();
    return kept == graphs.end() ? nullptr : &kept->second;
  }
  void keep(const std::string& steps, const Graph& graph) override { graphs[steps] = graph; }
};

TEST(Recipes, ShareTheirBeginnings) {
  struct Counting : IdleTuner {
    int calls = 0;
    Graph tune(const Graph& graph, const TuneOptions& options) override { return ++calls, IdleTuner::tune(graph, options); }
  } tuner;
  const Graph graph = small_pilot();
  const Calibration calibration = calibrated(graph, random_inputs(graph, 4, -1, 1, 2));
  const PassContext context{[&](const Graph&) -> const Calibration& { return calibration; }, &tuner, &graph};
  Memory memory;
  const Graph a = run_recipe(parse_recipe("prune | tune epochs=3 | cluster | tune"), context, &memory);
  const Graph b = run_recipe(parse_recipe("prune | tune epochs=3 | cluster dense=4"), context, &memory);
  EXPECT_EQ(tuner.calls, 2);
  EXPECT_EQ(memory.found, 1);
  EXPECT_EQ(b, run_recipe(parse_recipe("prune | tune epochs=3 | cluster dense=4"), context));
  EXPECT_NE(a, b);
}

TEST(Recipes, CountWhatIsYetToBeTrained) {
  const auto recipe = [](const char* text) { return Technique{text, "", parse_recipe(text)}; };
  const std::vector<Technique> techniques{recipe("prune"), recipe("prune | tune epochs=3 | cluster | tune"),
                                          recipe("prune | tune epochs=3 | quantize_integer"), recipe("tune epochs=9")};
  EXPECT_EQ(training_epochs(techniques, 1000, nullptr), (std::vector<int>{0, 4, 0, 9}));
  EXPECT_EQ(training_epochs(techniques, 1, nullptr), (std::vector<int>{0, 2, 0, 1}));
  Memory memory;
  memory.keep(to_text(parse_recipe("prune | tune epochs=3")), small_pilot());
  EXPECT_EQ(training_epochs(techniques, 1000, &memory), (std::vector<int>{0, 1, 0, 9}));
}

/// The share of zeros of all weights together.
double sparsity_of_all(const Graph& graph) {
  size_t zeros = 0, elements = 0;
  for (const ValueId id : weights_of(graph)) {
    const WeightStatistics statistics = weight_statistics(graph.value(id));
    zeros += statistics.zeros, elements += statistics.elements;
  }
  return static_cast<double>(zeros) / static_cast<double>(elements);
}

TEST(Prune, ZeroesTheSmallestAndSaysSo) {
  const Graph before = small_pilot(), after = prune(before, {0.3, 0.6});
  for (const ValueId id : weights_of(after)) {
    const Value &was = before.value(id), &is = after.value(id);
    const bool yields_output = id == weights_of(after).back();
    EXPECT_NEAR(sparsity(is), yields_output ? 0 : is.shape.size() == 4 ? 0.3 : 0.6, 0.02) << is.name;
    EXPECT_TRUE(is.constraint.keep_zeros);
    float largest_gone = 0, smallest_kept = 1e9f;
    for (size_t i = 0; i < is.elements<float>().size(); ++i) {
      const float w = std::abs(was.elements<float>()[i]);
      if (is.elements<float>()[i] == 0)
        largest_gone = std::max(largest_gone, w);
      else
        smallest_kept = std::min(smallest_kept, w);
    }
    EXPECT_LE(largest_gone, smallest_kept);
  }
}

TEST(Prune, GlobalThresholdCountsAllLayersTogether) {
  const Graph graph = prune_global(small_pilot(), 0.4);
  EXPECT_NEAR(sparsity_of_all(graph), 0.4, 1e-3);
  EXPECT_THROW(prune(small_pilot(), {1, 0.5}), Error);
}

TEST(Prune, BlocksAreRunsOfAWindowsRow) {
  const Graph before = small_pilot();
  for (const Graph& after : {prune(before, {0.5, 0.5}, 4), prune_global(before, 0.5, 4)})
    for (const ValueId id : weights_of(after)) {
      const Value &was = before.value(id), &is = after.value(id);
      const auto row = static_cast<size_t>(is.shape.back() * (is.shape.size() == 4 ? is.shape[2] : 1));
      float largest_gone = 0, smallest_kept = 1e9f;
      for (size_t first = 0; first < is.elements<float>().size(); first += row)
        for (size_t i = 0; i < row; i += 4) {
          const size_t count = std::min<size_t>(4, row - i);
          const auto now = is.elements<float>().subspan(first + i, count);
          float mean = 0;
          for (const float w : was.elements<float>().subspan(first + i, count)) mean += std::abs(w) / static_cast<float>(count);
          const auto zeros = static_cast<size_t>(std::ranges::count(now, 0.0f));
          ASSERT_TRUE(zeros == 0 || zeros == count) << is.name << " " << first << "+" << i;
          if (zeros > 0)
            largest_gone = std::max(largest_gone, mean);
          else
            smallest_kept = std::min(smallest_kept, mean);
        }
      EXPECT_LE(largest_gone, smallest_kept * 1.00001f) << is.name;
    }
  EXPECT_NEAR(sparsity_of_all(prune_global(before, 0.5, 4)), 0.5, 0.03);
}

TEST(Prune, EqualWeightsAreZeroedInOrder) {
  TestNetwork network({1, 8});
  network.node("dense", Dense{},
               {add_constant(network.graph(), "w", {1, 8}, std::vector<float>(8, .5f)),
                add_constant(network.graph(), "b", {1}, std::vector<float>{0})});
  const Graph graph = prune_global(network.finish(), 0.5);
  EXPECT_EQ(sparsity(graph.value(weights_of(graph)[0])), 0.5);
}

TEST(Cluster, LeavesFewNumbersAndKeepsZeros) {
  const auto clustered = [](const Graph& graph, int clusters) {
    return cluster(graph, {clusters, clusters}, calibrated(graph, random_inputs(graph, 40, -1, 1.5, 3)));
  };
  const Graph graph = clustered(small_pilot(), 5), pruned = clustered(prune_global(small_pilot(), 0.5), 5);
  for (const ValueId id : weights_of(graph)) {
    EXPECT_LE(equal_groups(graph.value(id)).most_distinct, 5);
    EXPECT_EQ(graph.value(id).constraint.max_distinct, 5);
    EXPECT_LE(equal_groups(pruned.value(id)).most_distinct, 5);
  }
  EXPECT_NEAR(sparsity_of_all(pruned), 0.5, 0.001);
  EXPECT_THROW(clustered(small_pilot(), 1), Error);
}

/// Two inputs that are always equal: errors of one weight can be made good by the other, and the bias takes the rest.
TEST(Cluster, ChoosesWithTheInputs) {
  constexpr int kPairs = 12;
  TestNetwork network({1, 2 * kPairs});
  const Graph graph = network.dense("dense", 20).finish();
  Random random(5);
  std::vector<std::vector<float>> inputs(400);
  for (auto& input : inputs)
    for (int i = 0; i < kPairs; ++i) {
      const auto x = static_cast<float>(random.uniform(0, 2));
      input.insert(input.end(), 2, x);
    }
  const Graph blind = cluster(graph, {4, 4}, calibrated(graph, {inputs[0]}));  // too few samples for a covariance
  const Graph informed = cluster(graph, {4, 4}, calibrated(graph, inputs));
  EXPECT_GT(sqnr_of(graph, informed, inputs), sqnr_of(graph, blind, inputs) + 3);
}

TEST(Cluster, FindsTheClustersThatThereAre) {
  TestNetwork network({1, 9});
  const std::vector<float> weights{-1.01f, -.99f, -1, .49f, .5f, .51f, 2, 2.02f, 1.98f};
  network.node(
      "dense", Dense{},
      {add_constant(network.graph(), "w", {1, 9}, weights), add_constant(network.graph(), "b", {1}, std::vector<float>{0})});
  const Graph graph = network.finish();
  const Graph found = cluster(graph, {3, 3}, calibrated(graph, random_inputs(graph, 4, -1, 1, 2)));
  const auto w = found.value(weights_of(found)[0]).elements<float>();
  for (int i = 0; i < 9; ++i) EXPECT_NEAR(w[static_cast<size_t>(i)], i < 3 ? -1 : i < 6 ? .5 : 2, 1e-6);
}

/// The small pilot; the weights of every second filter and unit times `factor`, their biases `bias`.
Graph with_every_second_filter(float factor, float bias) {
  Graph graph = small_pilot();
  for (const Node& node : graph.nodes) {
    if (!std::holds_alternative<Conv2D>(node.op) && node.name != "dense1") continue;
    const auto weights = graph.value(node.inputs[1]).elements<float>(), biases = graph.value(node.inputs[2]).elements<float>();
    const size_t each = weights.size() / biases.size();
    for (size_t f = 0; f < biases.size(); f += 2) {
      for (size_t i = f * each; i < (f + 1) * each; ++i) weights[i] *= factor;
      biases[f] = bias;
    }
  }
  return graph;
}

/// Filters of zeros go first, and then nothing changes.
TEST(PruneChannels, RemovesWhatDoesNothing) {
  const Graph graph = with_every_second_filter(0, 0);
  const auto inputs = random_inputs(graph, 5, -1, 1, 3);
  const Graph half = prune_channels(graph, 0.5, calibrated(graph, inputs));
  verify(half);
  EXPECT_EQ(half.value(weights_of(half)[0]).shape, (Shape{4, 5, 5, 3}));
  EXPECT_EQ(half.value(weights_of(half)[1]).shape, (Shape{6, 3, 3, 4}));
  EXPECT_EQ(half.value(weights_of(half)[2]).shape, (Shape{10, 6 * 8 * 6}));
  EXPECT_EQ(half.value(weights_of(half)[3]).shape, (Shape{2, 10}));
  EXPECT_LT(relative_difference(graph, half, inputs), 1e-5);
}

/// Large weights do not save a filter that never fires, nor small ones lose one that is heard.
TEST(PruneChannels, KeepsWhatIsHeard) {
  const Graph graph = with_every_second_filter(3, -1000);
  const auto inputs = random_inputs(graph, 5, -1, 1, 3);
  const Graph half = prune_channels(graph, 0.5, calibrated(graph, inputs));
  EXPECT_LT(relative_difference(graph, half, inputs), 1e-5);
}

TEST(Techniques, LeaveWhatTheirNamesSay) {
  const Graph graph = small_pilot();
  const auto inputs = random_inputs(graph, 10, 0, 1, 21);
  struct Expected {
    const char* technique;
    double least_sparsity;
    int most_distinct;
    ElementType type;
    int distinct_in_convolutions = most_distinct;
  };
  const Expected all[] = {{"prune", .79, 1 << 30, ElementType::f32},
                          {"pqat", .49, 256, ElementType::s8},
                          {"cluster", 0, 8, ElementType::f32},
                          {"cqat", 0, 8, ElementType::s8},
                          {"pcqat", .49, 8, ElementType::s8},
                          {"prune_global", 0, 1 << 30, ElementType::f32},
                          {"deep_compression", .919, 8, ElementType::s8, 32}};
  for (const Expected& e : all) {
    const Graph result = technique(e.technique, graph, inputs);
    EXPECT_GE(sparsity_of_all(result), e.least_sparsity) << e.technique;
    for (const ValueId id : weights_of(result)) {
      const Value& weight = result.value(id);
      SCOPED_TRACE(std::string(e.technique) + " " + weight.name);
      EXPECT_EQ(weight.type, e.type);
      EXPECT_LE(equal_groups(weight).most_distinct, weight.shape.size() > 2 ? e.distinct_in_convolutions : e.most_distinct);
    }
  }
}

}  // namespace
}  // namespace slimpilot
