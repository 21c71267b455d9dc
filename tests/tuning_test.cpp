// SPDX-License-Identifier: Apache-2.0
// Fine-tuning: promises hold in what is written, and training computed with the very integers that run.
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "eval/offline.h"
#include "formats/formats.h"
#include "graph/networks.h"
#include "graph/weights.h"
#include "optimize/pass_test.h"
#include "optimize/passes.h"
#include "training/libtorch/torch_graph.h"
#include "training/train.h"
#include "training/training_test.h"

namespace slimpilot {
namespace {

namespace fs = std::filesystem;

class Tuning : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = fs::path(testing::TempDir()) / ("tuning_" + std::to_string(getpid()));
    write_recording(folder_ / "a", 120, 1);
    write_recording(folder_ / "b", 40, 2);
  }
  static void TearDownTestSuite() { fs::remove_all(folder_); }

  static Dataset dataset(const char* name) { return dataset_of(folder_ / name); }

  /// Convolutions, gates of a ConvLSTM and dense layers, with the image's BatchNorm in front.
  static Graph network() {
    TestNetwork n({1, 10, 16, 3}, 7);
    n.batch_norm("norm").conv("conv", 6, 3, {.stride_h = 2, .stride_w = 2, .activation = ActivationKind::relu});
    n.node("steps", Reshape{{1, 1, 4, 7, 6}}).conv_lstm("lstm", 4, 3).flatten().dense("dense", 24);
    Graph graph = simplify(n.activation("relu", ActivationKind::relu).dense("out", 2).finish());
    graph.preprocessing = {.resize = true, .scale = {.01f, .01f, .01f}, .offset = {-1, -1, -1}};
    graph.meaning = {{"v", "m/s", 6.5f, 24}, {"w", "rad/s", -7.1f, 7.1f}};
    return graph;
  }

  /// The named technique, or the steps, of the network, calibrated on a little noise, so that training has something to win.
  static Graph make(const std::string& technique) { return run(find_techniques(standard_techniques(), {technique})[0].steps); }

  static Graph run(std::span<const RecipeStep> steps) {
    const Graph graph = network();
    const auto inputs = random_inputs(graph, 3, -1, 1.55, 9);
    const auto tuner = make_fine_tuner(graph, {dataset("a"), dataset("b")}, {.batch = 4, .threads = 1}, {});
    std::optional<Calibration> calibration;
    const auto calibrate = [&](const Graph& g) -> const Calibration& { return calibration.emplace(calibrated(g, inputs)); };
    return run_recipe(steps, {calibrate, tuner.get(), &graph});
  }

  static Graph reloaded(const Graph& graph, const char* ending) {
    const fs::path file = folder_ / ("model" + std::string(ending));
    write_model(graph, file);
    return read_model(file);
  }

  static inline fs::path folder_;
};

struct Promise {
  const char* technique;
  double sparsity;
  int distinct;
};

class TuningKeeps : public Tuning, public testing::WithParamInterface<Promise> {};

TEST_P(TuningKeeps, ZerosAndClustersInTheWrittenIntegers) {
  const Graph graph = make(GetParam().technique);
  for (const char* ending : {".tflite", ".slim"}) {
    const Graph written = reloaded(graph, ending);
    size_t zeros = 0, elements = 0;
    for (const ValueId id : weights_of(written)) {
      const Value& weight = written.value(id);
      SCOPED_TRACE(weight.name + ending);
      EXPECT_EQ(weight.type, ElementType::s8);
      EXPECT_LE(equal_groups(weight).most_distinct, GetParam().distinct);
      zeros += weight_statistics(weight).zeros, elements += weight_statistics(weight).elements;
    }
    EXPECT_GE(static_cast<double>(zeros), GetParam().sparsity * static_cast<double>(elements)) << ending;
  }
}

/// No weight of the file has fewer zeros than pruning left it.
TEST_P(TuningKeeps, EveryWeightsZeros) {
  const auto steps = find_techniques(standard_techniques(), {GetParam().technique})[0].steps;
  const Graph pruned = run(std::span(steps).first(1)), written = reloaded(make(GetParam().technique), ".tflite");
  int compared = 0;
  for (const ValueId id : weights_of(pruned))
    for (const ValueId other : weights_of(written)) {
      if (pruned.value(id).name != written.value(other).name) continue;
      ++compared;
      EXPECT_GE(sparsity(written.value(other)), sparsity(pruned.value(id))) << pruned.value(id).name;
    }
  EXPECT_GT(compared, 1);
}

TEST_P(TuningKeeps, WhatTrainingComputedRuns) {
  const Graph graph = make(GetParam().technique), written = reloaded(graph, ".slim");
  const TorchGraph in_training(graph);
  const Plan plan(reloaded(graph, ".tflite"));
  const auto inputs = random_inputs(network(), 1000, -1.2, 1.7, 11);
  const at::NoGradGuard no_gradients;
  for (const auto& input : inputs) {
    const at::Tensor image = at::from_blob(const_cast<float*>(input.data()), {1, 10, 16, 3}, at::kFloat);
    const at::Tensor computed = in_training.forward(image).contiguous();
    const auto ran = outputs_of(plan, input);
    ASSERT_EQ(std::vector<float>(computed.data_ptr<float>(), computed.data_ptr<float>() + computed.numel()), ran);
  }
  EXPECT_EQ(written, graph);
}

INSTANTIATE_TEST_SUITE_P(All, TuningKeeps,
                         testing::Values(Promise{"qat", 0, 255}, Promise{"cqat", 0, 8}, Promise{"pqat", .49, 255},
                                         Promise{"pcqat", .49, 8}),
                         [](const auto& promise) { return std::string(promise.param.technique); });

/// What a technique's name says of the file that it leaves.
struct Named {
  const char* technique;
  ElementType weights, activations;
  double sparsity = 0;
  int distinct = 1 << 30, distinct_in_convolutions = 0;  // 0: as elsewhere
  double parameters = 1;                                 // share of the float network's
};

constexpr Named kNamed[] = {
    {"float32", ElementType::f32, ElementType::f32},
    {"dynamic_range", ElementType::s8, ElementType::f32},
    {"int4", ElementType::s8, ElementType::f32, 0, 15, 255},
    {"float16", ElementType::f16, ElementType::f32},
    {"int8_float_fallback", ElementType::s8, ElementType::s8},
    {"int8_only", ElementType::s8, ElementType::s8},
    {"int16x8", ElementType::s8, ElementType::s16},
    {"qat", ElementType::s8, ElementType::s8},
    {"prune", ElementType::f32, ElementType::f32, .8},
    {"prune_dynamic_range", ElementType::s8, ElementType::f32, .8},
    {"prune_local", ElementType::f32, ElementType::f32, .3},
    {"prune_global", ElementType::f32, ElementType::f32, .3},
    {"prune_qat", ElementType::s8, ElementType::s8, .3},
    {"cluster", ElementType::f32, ElementType::f32, 0, 8},
    {"cqat", ElementType::s8, ElementType::s8, 0, 8},
    {"pqat", ElementType::s8, ElementType::s8, .5},
    {"pcqat", ElementType::s8, ElementType::s8, .5, 8},
    {"prune_channels", ElementType::f32, ElementType::f32, 0, 1 << 30, 0, .8},
    {"distill", ElementType::f32, ElementType::f32, 0, 1 << 30, 0, .5},
    {"deep_compression", ElementType::s8, ElementType::s8, .92, 8, 32},
};

/// The widest integer type of a layer's result, or f32.
ElementType activations_of(const Graph& graph) {
  ElementType type = ElementType::f32;
  for (const Node& node : graph.nodes) {
    const ElementType result = graph.value(node.output).type;
    if (result == ElementType::s16 || (result == ElementType::s8 && type == ElementType::f32)) type = result;
  }
  return type;
}

TEST_F(Tuning, EveryTechniqueLeavesWhatItsNameSays) {
  ASSERT_EQ(std::size(kNamed), standard_techniques().size());
  std::vector<Graph> files;
  size_t float_parameters = 0;
  for (const Named& expected : kNamed) {
    SCOPED_TRACE(expected.technique);
    files.push_back(reloaded(make(expected.technique), ".tflite"));
    const Graph& file = files.back();
    size_t zeros = 0, elements = 0;
    for (const ValueId id : weights_of(file)) {
      const Value& weight = file.value(id);
      const WeightStatistics statistics = weight_statistics(weight);
      zeros += statistics.zeros, elements += statistics.elements;
      const bool is_small = element_count(weight.shape) < 1024 && expected.activations == ElementType::f32;
      if (!is_small) {  // weights with few elements stay real where activations do
        EXPECT_EQ(weight.type, expected.weights) << weight.name;
      }
      if (weight.type == expected.weights && weight.type != ElementType::f16) {
        const bool other = expected.distinct_in_convolutions > 0 && weight.shape.size() > 2;
        EXPECT_LE(equal_groups(weight).most_distinct, other ? expected.distinct_in_convolutions : expected.distinct)
            << weight.name;
      }
    }
    if (float_parameters == 0) float_parameters = elements;
    EXPECT_EQ(activations_of(file), expected.activations);
    EXPECT_GE(static_cast<double>(zeros), (expected.sparsity - .005) * static_cast<double>(elements));
    EXPECT_LE(static_cast<double>(elements), expected.parameters * static_cast<double>(float_parameters));
    for (size_t other = 0; other + 1 < files.size(); ++other) EXPECT_NE(file, files[other]) << kNamed[other].technique;
  }
}

/// Learned scales move, each group together, biases follow, and the written file still computes what training computed.
TEST_F(Tuning, LearnsRanges) {
  const Graph start = make("int8_only");
  const auto tuner = make_fine_tuner(network(), {dataset("a"), dataset("b")}, {.batch = 16, .threads = 1}, {});
  const Graph fixed = tuner->tune(start, {.epochs = 2, .learning_rate = 1e-2});
  const Graph learned = tuner->tune(start, {.epochs = 2, .learning_rate = 1e-2, .learn_ranges = true});
  ASSERT_EQ(learned.values.size(), start.values.size());
  int moved = 0;
  for (size_t i = 0; i < start.values.size(); ++i) {
    const Value &was = start.values[i], &is = learned.values[i];
    ASSERT_EQ(was.quantization.has_value(), is.quantization.has_value());
    if (!was.quantization) continue;
    EXPECT_EQ(was.quantization, fixed.values[i].quantization) << was.name;
    moved += was.quantization->scale != is.quantization->scale;
    for (size_t c = 0; c < was.quantization->scale.size(); ++c)
      EXPECT_NEAR(is.quantization->scale[c] / was.quantization->scale[c], 1, .2) << was.name;
  }
  EXPECT_GT(moved, 5);
  for (const Node& node : learned.nodes) {
    const auto scale = [&](ValueId id) { return learned.value(id).quantization->scale[0]; };
    if (std::holds_alternative<Reshape>(node.op)) {
      EXPECT_EQ(scale(node.inputs[0]), scale(node.output));
    }
    if (node.inputs.size() == 3) {
      EXPECT_EQ(scale(node.inputs[2]), scale(node.inputs[0]) * scale(node.inputs[1]));
    }
  }
  EXPECT_EQ(reloaded(learned, ".slim"), learned);
  const Plan plan(reloaded(learned, ".tflite"));
  const TorchGraph in_training(learned);
  const at::NoGradGuard no_gradients;
  for (const auto& input : random_inputs(network(), 50, -1.2, 1.7, 11)) {
    const at::Tensor image = at::from_blob(const_cast<float*>(input.data()), {1, 10, 16, 3}, at::kFloat);
    const at::Tensor computed = in_training.forward(image).contiguous();
    ASSERT_EQ(std::vector<float>(computed.data_ptr<float>(), computed.data_ptr<float>() + computed.numel()),
              outputs_of(plan, input));
  }
  EXPECT_THROW(tuner->tune(network(), {.learn_ranges = true}), Error);
}

/// The engine's integers are those of an exact product: a dense layer's sum in doubles, rescaled by hand.
TEST_F(Tuning, IntegerSumsAreExact) {
  const Graph graph = make("pcqat");
  const Graph input_graph = network();
  const auto dense = std::find_if(graph.nodes.begin(), graph.nodes.end(), [](const Node& n) {
    return n.name == "dense/relu" || n.name == "relu" || n.name == "dense";
  });
  ASSERT_NE(dense, graph.nodes.end());
  const Value &weight = graph.value(dense->inputs[1]), &bias = graph.value(dense->inputs[2]),
              &x = graph.value(dense->inputs[0]), &y = graph.value(dense->output);
  const Plan plan(graph, {.keep_all_values = true});
  Session session(plan);
  const auto view = [&](const Value& value) {
    return *std::find_if(plan.values().begin(), plan.values().end(), [&](const TensorView& v) { return v.name == value.name; });
  };
  for (const auto& input : random_inputs(input_graph, 20, -1, 1.5, 12)) {
    session.write_input(input);
    session.run();
    std::vector<float> in, out;
    session.read(view(x), in), session.read(view(y), out);
    for (size_t o = 0; o < out.size(); ++o) {
      double sum = bias.elements<int32_t>()[o];
      for (size_t i = 0; i < in.size(); ++i)
        sum += std::round(in[i] / x.quantization->scale[0]) * weight.elements<int8_t>()[o * in.size() + i];
      const size_t channel = weight.quantization->axis < 0 ? 0 : o;
      const double scale = static_cast<double>(x.quantization->scale[0]) * weight.quantization->scale[channel];
      const double step = y.quantization->scale[0];
      const double low = (-128 - y.quantization->zero_point[0]) * step, high = (127 - y.quantization->zero_point[0]) * step;
      EXPECT_NEAR(out[o], std::clamp(sum * scale, std::max(low, 0.0), high), 0.5001 * step);
    }
  }
}

TEST_F(Tuning, NeverGetsWorseThanItsStart) {
  const auto tuner = make_fine_tuner(network(), {dataset("a"), dataset("b")}, {.batch = 16, .threads = 1}, {});
  const Graph start = make("int8_only"), good = tuner->tune(start, {.epochs = 12, .learning_rate = 3e-2});
  EXPECT_NE(good, start);
  EXPECT_EQ(tuner->tune(good, {.epochs = 1, .learning_rate = 0.5}), good);  // a rate that ruins everything
}

TEST_F(Tuning, LearnsFromATeacher) {
  const Graph teacher = network();
  const Graph student = prune_channels(teacher, .75, calibrated(teacher, random_inputs(teacher, 20, -1, 1.5, 12)));
  const auto tuner = make_fine_tuner(teacher, {dataset("a"), dataset("b")}, {.batch = 16, .threads = 1}, {});
  const Graph taught = tuner->tune(student, {.epochs = 8, .learning_rate = 3e-2, .teacher = &teacher});
  const Dataset frames = dataset("b");
  const auto says = [&](const Graph& g) { return predict(Plan(g), teacher.preprocessing, frames, "", {}); };
  const auto likeness = [&](const Graph& g) { return compare_with_reference(says(g), says(teacher)).overall.sqnr_db; };
  EXPECT_GT(likeness(taught), likeness(student) + 1);
}

}  // namespace
}  // namespace slimpilot
