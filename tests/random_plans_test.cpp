// SPDX-License-Identifier: Apache-2.0
// A property: whatever the network, its weights' encoding, the instruction set and the way chosen for each step, a plan
// computes what the reference kernels compute. SLIMPILOT_PROPERTY_SECONDS=600 draws networks for so long; without it a fixed
// number.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <set>

#include "engine/session.h"
#include "optimize/pass_test.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

/// Draws whole numbers and alternatives.
struct Draw : Random {
  using Random::Random;
  int between(int low, int high) { return low + static_cast<int>(below(static_cast<uint64_t>(high - low + 1))); }
  bool one_in(int n) { return below(static_cast<uint64_t>(n)) == 0; }
  template <class T>
  T one_of(std::initializer_list<T> choices) {
    return choices.begin()[below(choices.size())];
  }
};

ActivationKind any_clamp(Draw& draw) {
  using enum ActivationKind;
  return draw.one_of({none, relu, relu, relu6, relu_n1_to_1, relu_0_to_1});
}

/// One layer that fits behind an image.
void add_image_layer(TestNetwork& network, Draw& draw, const std::string& name) {
  const Shape shape = network.shape();
  const Padding padding = draw.one_of({Padding::valid, Padding::same});
  const auto window = [&](int extent) { return draw.between(1, padding == Padding::same ? 5 : std::min(5, extent)); };
  const int kernel = window(std::min(shape[1], shape[2])), stride_h = draw.between(1, 3), stride_w = draw.between(1, 3);
  switch (draw.between(0, 7)) {
    case 0: {
      const int pool_h = window(shape[1]), pool_w = window(shape[2]);
      network.node(name, Pool2D{draw.one_of({PoolKind::max, PoolKind::average}), pool_h, pool_w, stride_h, stride_w, padding});
      break;
    }
    case 1: network.batch_norm(name); break;
    case 2: {
      using enum ActivationKind;
      network.activation(name, draw.one_of({relu, relu6, elu, tanh, sigmoid, hard_sigmoid}));
      break;
    }
    case 3: {
      const ValueId weights = network.constant(name + "/kernel", {1, kernel, kernel, shape[3]}, -.5, .5);
      const ValueId bias = network.constant(name + "/bias", {shape[3]}, -.2, .2);
      network.node(name, DepthwiseConv2D{stride_h, stride_w, padding, any_clamp(draw)}, {weights, bias});
      break;
    }
    case 4: {
      const ValueId before = network.last();
      network.activation(name + "/branch", ActivationKind::tanh);
      network.node(name, draw.one_of<Op>({Add{}, Mul{}}), {before});
      break;
    }
    default: network.conv(name, draw.between(1, 70), kernel, Conv2D{stride_h, stride_w, padding, any_clamp(draw)}); break;
  }
}

/// Frames that a ConvLSTM or, row by row, an LSTM reads.
Graph draw_sequence(Draw& draw) {
  const int steps = draw.between(1, 4), height = draw.between(1, 6), width = draw.between(3, 12), channels = draw.between(1, 4);
  TestNetwork network({1, steps * height, width, channels}, draw.next());
  using enum ActivationKind;
  const ActivationKind gates = draw.one_of({sigmoid, hard_sigmoid}), cells = draw.one_of({tanh, tanh, relu, elu});
  const bool sequences = draw.one_in(2), stateful = draw.one_in(3);
  if (draw.one_in(2)) {
    network.node("frames", Reshape{{1, steps, height, width, channels}});
    network.conv_lstm("lstm", draw.one_of({1, 3, 8, 16, 17}), draw.between(1, 3),
                      {draw.between(1, 2), draw.between(1, 2), Padding::same, cells, gates, sequences, stateful});
  } else {
    network.node("rows", Reshape{{1, steps, height * width * channels}});
    network.lstm("lstm", draw.one_of({1, 5, 16, 40}), {cells, gates, sequences, stateful});
  }
  return simplify(network.flatten().dense("dense", draw.between(1, 20)).finish());
}

Graph draw_network(Draw& draw) {
  if (draw.one_in(5)) return draw_sequence(draw);
  const int channels = draw.one_of({1, 2, 3, 3, 4, 5, 8});
  TestNetwork network({1, draw.between(3, 24), draw.between(3, 40), channels}, draw.next());
  if (draw.one_in(4)) {
    const Shape s = network.shape();
    network.node("frames", Reshape{{1, 1, s[1], s[2], s[3]}});
    const Padding padding = draw.one_of({Padding::valid, Padding::same});
    network.conv_lstm("lstm", draw.one_of({1, 3, 8, 8, 9, 16}), draw.between(1, 3),
                      ConvLstm2D{draw.between(1, 2), draw.between(1, 2), padding});
  }
  for (int i = 0, layers = draw.between(0, 4); i < layers; ++i) add_image_layer(network, draw, "layer" + std::to_string(i));
  network.flatten();
  for (int i = 0, layers = draw.between(1, 3); i < layers; ++i) {
    network.dense("dense" + std::to_string(i), draw.between(1, 150));
    if (draw.one_in(2)) network.activation("dense" + std::to_string(i) + "/relu", ActivationKind::relu);
  }
  return simplify(network.finish());
}

/// What techniques leave: weights as they are, four fifths zero, few different ones; then one of the encodings.
Graph draw_encoding(Draw& draw, Graph graph, std::string& what) {
  const auto inputs = random_inputs(graph, 3, -1, 1, draw.next());
  switch (draw.between(0, 2)) {
    case 0: what = "plain"; break;
    case 1: what = "pruned", graph = prune(std::move(graph), {0.8, 0.8}, draw.one_of({1, 4})); break;
    case 2: {
      const Calibration calibration = calibrated(graph, inputs);
      what = "clustered", graph = cluster(std::move(graph), {8, 8}, calibration);
      break;
    }
  }
  const Calibration calibration = calibrated(graph, inputs);
  IntegerOptions options{.integer_io = draw.one_in(2), .adaptive_rounding = false};
  switch (draw.between(0, 5)) {
    case 0: what += " f32"; return graph;
    case 1: what += " f16"; return quantize_float16(std::move(graph), calibration);
    case 2: what += " hybrid"; return quantize_dynamic_range(std::move(graph), calibration);
    case 3: what += " int16x8", options.activations = ElementType::s16, options.integer_io = false; break;
    default: what += " int8"; break;
  }
  return quantize_integer(std::move(graph), calibration, options);
}

/// A way for each step that has several.
Ways draw_ways(Draw& draw, const Plan& plan) {
  Ways ways;
  for (const Step& step : plan.steps())
    if (step.ways.size() > 1) ways[step.name] = step.ways[draw.below(step.ways.size())];
  return ways;
}

std::string text(const Ways& ways) {
  std::string result;
  for (const auto& [step, way] : ways) result += " --way " + step + "=" + way;
  return result;
}

/// Whether real numbers that were computed are quantized afterwards: what is one rounding error apart may become a step apart.
bool quantizes_results(const Graph& graph, bool hybrid) {
  const auto is_real_arithmetic = [&](const Node& node) {
    const bool moves = std::holds_alternative<Dequantize>(node.op) || std::holds_alternative<Reshape>(node.op);
    return graph.value(node.output).type == ElementType::f32 && !moves;
  };
  const auto quantizes = [&](const Node& node) { return std::holds_alternative<Quantize>(node.op); };
  return hybrid || (std::ranges::any_of(graph.nodes, is_real_arithmetic) && std::ranges::any_of(graph.nodes, quantizes));
}

/// Integers are the same, and real numbers but for rounding; with `steps` a few percent of the largest.
void expect_same_values(const Session& expected, const Session& actual, bool steps) {
  std::vector<float> x, y;
  for (size_t v = 0; v < expected.plan().values().size(); ++v) {
    const TensorView& view = expected.plan().values()[v];
    x.clear(), y.clear();
    expected.read(view, x), actual.read(actual.plan().values()[v], y);
    ASSERT_EQ(x.size(), y.size());
    float largest = 1;
    for (const float number : x) largest = std::max(largest, std::abs(number));
    const float tolerance = steps ? 0.05f * largest : view.type == ElementType::f32 ? 1e-4f * largest : 0;
    for (size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(x[i], y[i], tolerance) << view.name << ", element " << i;
  }
}

void run(const Plan& plan, Session& session, const std::vector<float>& input) {
  ASSERT_EQ(session.input().size(), plan.inputs()[0].bytes());
  session.write_input(input);
  session.run();
}

/// What was drawn, as "conv2d_s8 avx2 ".
std::set<std::string> drawn;

/// Some networks in reduced arithmetic, where there is; that is as far from the reference as what is quantized.
Arithmetic draw_arithmetic(uint64_t seed, Isa isa) {
  return seed % 3 == 0 && has_reduced_arithmetic(isa) ? Arithmetic::reduced : Arithmetic::exact;
}

void check_network(uint64_t seed) {
  Draw draw(seed);
  std::string encoding;
  const Graph network = draw_network(draw);
  const Graph graph = draw_encoding(draw, network, encoding);
  SCOPED_TRACE("seed " + std::to_string(seed) + ", " + encoding + "\n" + to_text(graph));
  const Plan reference(graph, {.isa = Isa::reference, .keep_all_values = true});
  Session expected(reference);
  const auto input = random_inputs(network, 1, -1.2, 1.2, draw.next())[0];
  const int frames = reference.states().empty() ? 1 : 2;
  for (int i = 0; i < frames; ++i) run(reference, expected, input);
  const bool steps = quantizes_results(graph, encoding.ends_with("hybrid"));
  for (const Isa isa : supported_isas()) {
    PlanOptions options{.isa = isa, .arithmetic = draw_arithmetic(seed, isa)};
    options.ways = draw_ways(draw, Plan(graph, options));
    SCOPED_TRACE(std::string(isa_name(isa)) + " " + std::string(arithmetic_name(options.arithmetic)) + text(options.ways));
    const Plan packed(graph, options);
    options.keep_all_values = true;
    options.threads = {.count = 1 + static_cast<int>(seed % 4), .least_work = 1};
    const Plan plan(graph, options);
    for (const Step& step : plan.steps()) drawn.insert(std::string(step.kernel) + " " + std::string(step.way) + " ");
    Session session(plan);
    for (int i = 0; i < frames; ++i) run(plan, session, input);
    expect_same_values(expected, session, steps || options.arithmetic == Arithmetic::reduced);
    // Without a place of its own for every value, a plan that lets two share one too early would show in the outputs.
    Session small(packed);
    for (int i = 0; i < frames; ++i) run(packed, small, input);
    for (size_t o = 0; o < graph.outputs.size(); ++o) {
      const auto large_output = session.output(o), small_output = small.output(o);
      ASSERT_EQ(large_output.size(), small_output.size());
      EXPECT_EQ(std::memcmp(large_output.data(), small_output.data(), small_output.size()), 0) << "output " << o;
    }
  }
}

/// The kernels that no step of a network has had yet.
std::set<std::string> never_drawn() {
  std::set<std::string> missing;
  const auto expect = [&](const std::string& name, bool exists = true) {
    const auto found = drawn.lower_bound(name);
    if (exists && (found == drawn.end() || !found->starts_with(name))) missing.insert(name);
  };
  const auto expect_ways = [&](const std::string& op, const auto& ways) {
    for (const auto* way : ways) {
      const auto expect_way = [&](const char* type, const auto& kernel) {
        expect(op + type + " " + way->name + " ", kernel.run != nullptr);
      };
      expect_way("_f32", way->f32), expect_way("_f16", way->f16), expect_way("_bf16", way->bf16), expect_way("_s8", way->s8);
      expect_way("_s16", way->s16), expect_way("_hybrid", way->hybrid);
    }
  };
  for (const char* type : {"f32", "f16", "hybrid", "s8_real"}) expect("recurrent_" + std::string(type) + " ");
  for (const Isa isa : supported_isas()) {
    expect_ways("conv2d", kernels(isa).conv2d);
    expect_ways("dense", kernels(isa).dense);
    expect("lstm_cell_s8 ", kernels(isa).elementwise.lstm_cell_s8 != nullptr);
  }
  return missing;
}

/// Which kernels the first networks meet depends on the compiler, that evaluates arguments in its own order, and on the
/// machine: after the fixed number, networks are drawn until every kernel was there.
TEST(RandomPlans, ComputeWhatTheReferenceDoes) {
  using Clock = std::chrono::steady_clock;
  constexpr uint64_t kFewest = 200, kMost = 2000;
  const char* seconds = std::getenv("SLIMPILOT_PROPERTY_SECONDS");
  const auto end = Clock::now() + std::chrono::seconds(seconds == nullptr ? 0 : std::atoi(seconds));
  uint64_t networks = 0;
  const auto goes_on = [&] { return networks < kFewest || Clock::now() < end || (networks < kMost && !never_drawn().empty()); };
  while (goes_on() && !HasFatalFailure() && !HasNonfatalFailure()) check_network(++networks);
  std::printf("%llu networks\n", static_cast<unsigned long long>(networks));
  EXPECT_EQ(never_drawn(), std::set<std::string>{}) << "never drawn";
}

}  // namespace
}  // namespace slimpilot
