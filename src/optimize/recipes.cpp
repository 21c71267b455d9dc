// SPDX-License-Identifier: Apache-2.0
// The passes that recipes can name, and the list of techniques.
#include "optimize/recipes.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "base/error.h"
#include "graph/weights.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

double number(const Settings& settings, std::string_view name) { return settings.find(name)->second; }
int whole(const Settings& settings, std::string_view name) { return static_cast<int>(number(settings, name)); }

constexpr double kMostZeros = .999;
constexpr Parameter kBlock{"block", 1, 1, 16, 1, "neighbouring inputs whose weights are zero together; int8 is faster with 4"};
constexpr Parameter kPrune[] = {
    {"sparsity", .5, 0, kMostZeros, 0, "share of zeros in every layer but those that yield outputs"}, kBlock};
constexpr Parameter kPruneLocal[] = {{"convolutions", .3, 0, kMostZeros, 0, "share of zeros in convolutions"},
                                     {"dense", .5, 0, kMostZeros, 0, "share of zeros in dense layers"},
                                     kBlock};
constexpr Parameter kPruneGlobal[] = {{"sparsity", .3, 0, kMostZeros, 0, "share of zeros in all layers together"}, kBlock};
constexpr Parameter kPruneChannels[] = {{"share", .25, 0, kMostZeros, 0, "of the filters and units of every layer"}};
constexpr Parameter kCluster[] = {{"convolutions", 8, 2, 256, 1, "different numbers in every output channel of convolutions"},
                                  {"dense", 8, 2, 256, 1, "the same for every output of dense layers"}};
constexpr Parameter kQuantizeDynamicRange[] = {{"dense_bits", 8, 4, 8, 4, "of the weights of dense layers, 8 or 4"}};
constexpr Parameter kQuantizeInteger[] = {
    {"bits", 8, 8, 16, 8, "of activations, 8 or 16"},
    {"integer_io", 1, 0, 1, 1, "1: the network's inputs and outputs are integers too"},
    {"adaptive_rounding", 1, 0, 1, 1, "1: weights are rounded together, not one by one"},
    {"bias_correction", 1, 0, 1, 1, "1: biases take back the mean error of the integers"}};
constexpr Parameter kTune[] = {{"epochs", 1, 1, 10000, 1, "over the training frames"},
                               {"rate", .02, 1e-9, 1, 0, "of Adam, as a part of the size of each weight tensor"},
                               {"teacher", 0, 0, 1, 0, "share of what the original network says in the labels"},
                               {"ranges", 0, 0, 1, 1, "1: the scales of an integer network are learned too"}};

Graph run_quantize_integer(Graph graph, const Settings& s, const PassContext& context) {
  const IntegerOptions options{.activations = whole(s, "bits") == 16 ? ElementType::s16 : ElementType::s8,
                               .integer_io = number(s, "integer_io") != 0,
                               .adaptive_rounding = number(s, "adaptive_rounding") != 0,
                               .bias_correction = number(s, "bias_correction") != 0};
  const Calibration& calibration = context.calibrate(graph);
  return quantize_integer(std::move(graph), calibration, options);
}

Graph run_tune(Graph graph, const Settings& s, const PassContext& context) {
  const TuneOptions options{.epochs = std::min(whole(s, "epochs"), context.most_epochs),
                            .learning_rate = number(s, "rate"),
                            .teacher = number(s, "teacher") > 0 ? context.original : nullptr,
                            .teacher_share = number(s, "teacher"),
                            .learn_ranges = number(s, "ranges") != 0};
  return context.tuner->tune(graph, options);
}

template <Graph (*pass)(Graph, const Calibration&)>
Graph with_calibration(Graph graph, const Settings&, const PassContext& context) {
  const Calibration& calibration = context.calibrate(graph);
  return pass(std::move(graph), calibration);
}

constexpr Pass kPasses[] = {
    {"prune",
     "zeros the smallest weights of every layer",
     {},
     kPrune,
     [](Graph graph, const Settings& s, const PassContext&) {
       return prune(std::move(graph), {number(s, "sparsity"), number(s, "sparsity")}, whole(s, "block"));
     }},
    {"prune_local",
     "the same with different shares for convolutions and dense layers",
     {},
     kPruneLocal,
     [](Graph graph, const Settings& s, const PassContext&) {
       return prune(std::move(graph), {number(s, "convolutions"), number(s, "dense")}, whole(s, "block"));
     }},
    {"prune_global",
     "zeros the smallest weights of the network",
     {},
     kPruneGlobal,
     [](Graph graph, const Settings& s, const PassContext&) {
       return prune_global(std::move(graph), number(s, "sparsity"), whole(s, "block"));
     }},
    {"prune_channels",
     "removes whole filters and units",
     {.calibration = true},
     kPruneChannels,
     [](Graph graph, const Settings& s, const PassContext& context) {
       const Calibration& calibration = context.calibrate(graph);
       return prune_channels(std::move(graph), number(s, "share"), calibration);
     }},
    {"cluster",
     "makes the weights of a channel share a few numbers",
     {.calibration = true},
     kCluster,
     [](Graph graph, const Settings& s, const PassContext& context) {
       const Calibration& calibration = context.calibrate(graph);
       return cluster(std::move(graph), {whole(s, "convolutions"), whole(s, "dense")}, calibration);
     }},
    {"tune", "trains, keeping zeros, clusters and integers", {.training = true, .real_weights = false}, kTune, run_tune},
    {"equalize_channels",
     "makes channels alike in size, so that integers serve them all",
     {.calibration = true},
     {},
     with_calibration<equalize_channels>},
    {"order_channels",
     "puts channels that are mostly zero side by side, so that kernels skip them",
     {.calibration = true},
     {},
     with_calibration<order_channels>},
    {"quantize_dynamic_range",
     "int8 weights; activations quantized on the fly",
     {.calibration = true},
     kQuantizeDynamicRange,
     [](Graph graph, const Settings& s, const PassContext& context) {
       const Calibration& calibration = context.calibrate(graph);
       return quantize_dynamic_range(std::move(graph), calibration, whole(s, "dense_bits"));
     }},
    {"quantize_float16", "float16 weights", {.calibration = true}, {}, with_calibration<quantize_float16>},
    {"quantize_integer", "int8 weights and integer activations", {.calibration = true}, kQuantizeInteger, run_quantize_integer},
};

}  // namespace

Needs Technique::needs() const {
  Needs all;
  for (const RecipeStep& step : steps) {
    all.calibration |= step.pass->needs.calibration;
    all.training |= step.pass->needs.training;
  }
  return all;
}

std::span<const Pass> passes() { return kPasses; }

std::vector<Technique> standard_techniques() {
  // The study's parameters: sparsity .5 to .8 in polynomial steps, or .5; 8 clusters per channel. Shares are of all weights,
  // not of each layer, where the name does not say otherwise: a small layer cannot spare four fifths. Networks learn what they
  // said themselves, which is free of the labels' noise; the less a step has cost, the smaller are those that make it good (ADR
  // 0014). Integers have channels in an order that lets kernels skip (ADR 0017).
  const std::string taught = " | tune teacher=1", lightly = " rate=0.005", ordered = " | order_channels";
  const std::string integer = ordered + " | quantize_integer", int8 = "order_channels | equalize_channels | quantize_integer";
  const std::string settled = " | tune epochs=2 rate=0.0005 teacher=1";
  const auto pruned_to = [](const char* share) { return std::string("prune_global sparsity=") + share; };
  const auto then_to = [&](const char* share) { return taught + " | " + pruned_to(share); };
  const std::string pruned = pruned_to("0.5") + then_to("0.68") + then_to("0.77") + then_to("0.8") + taught + " epochs=4";
  const std::string half = pruned_to("0.5") + taught + " epochs=3", local = "prune_local" + taught + lightly + " epochs=2";
  const std::string clustered = "cluster" + taught + lightly + " epochs=3";
  const auto technique = [](const char* name, const char* summary, const std::string& recipe) {
    return Technique{name, summary, parse_recipe(recipe)};
  };
  return {
      technique("float32", "the network as it was trained, with BatchNorm folded and dead parts removed", ""),
      technique("dynamic_range", "int8 weights; activations quantized on the fly", "order_channels | quantize_dynamic_range"),
      technique("int4", "dynamic_range with 4 bits for the weights of dense layers",
                "order_channels | quantize_dynamic_range dense_bits=4"),
      technique("float16", "float16 weights, float32 arithmetic", "quantize_float16"),
      technique("int8_float_fallback", "int8 weights and activations, float inputs and outputs", int8 + " integer_io=0"),
      technique("int8_only", "int8 weights, activations, inputs and outputs", int8),
      technique("int16x8", "int16 activations, int8 weights", "quantize_integer bits=16 integer_io=0"),
      technique("qat", "int8_only, trained with its own integers", int8 + settled),
      technique("prune", "four fifths of the weights are zero", pruned),
      technique("prune_dynamic_range", "prune, then int8 weights", pruned + ordered + " | quantize_dynamic_range"),
      technique("prune_local", "30 % of convolutions' and half of dense layers' weights are zero", local),
      technique("prune_global", "30 % of all weights are zero, wherever they are",
                pruned_to("0.3") + taught + lightly + " epochs=2"),
      technique("prune_qat", "prune_local, then qat", local + " | " + int8 + settled),
      technique("cluster", "8 different weights per output channel", clustered),
      technique("cqat", "cluster, then qat that keeps the clusters", clustered + integer + settled),
      technique("pqat", "half of the weights are zero, then qat that keeps them", half + " | " + int8 + settled),
      technique("pcqat", "half zero, then 8 clusters, then qat that keeps both", half + " | " + clustered + integer + settled),
      technique("prune_channels", "a quarter of the filters and units is gone", "prune_channels" + taught + " epochs=4"),
      technique("distill", "a student of half the width, taught by the network",
                "prune_channels share=0.5" + taught + " epochs=6"),
      technique("deep_compression", "92 % of the weights are zero, 8 different ones per output, 32 in convolutions; then qat",
                pruned + " | " + pruned_to("0.86") + then_to("0.92") + taught + " epochs=3 | cluster convolutions=32" + taught +
                    lightly + " epochs=3" + integer + settled),
  };
}

namespace {

/// Shortest text that reads back as the same number.
std::string shortest(double value) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

}  // namespace

std::string to_text(const RecipeStep& step) {
  std::string text(step.pass->name);
  for (const Parameter& p : step.pass->parameters) {
    const double value = number(step.settings, p.name);
    if (value != p.value) text += " " + std::string(p.name) + "=" + shortest(value);
  }
  return text;
}

std::string to_text(std::span<const RecipeStep> steps) {
  std::string text;
  for (const RecipeStep& step : steps) text += (text.empty() ? "" : " | ") + to_text(step);
  return text;
}

namespace {

std::vector<std::string> words_between(const std::string& text, char separator) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    if (c == separator)
      words.emplace_back();
    else
      words.back() += c;
  }
  std::erase(words, "");
  return words;
}

void require_limits(const Pass& pass, std::string_view name, double value) {
  const Parameter& p = *std::ranges::find(pass.parameters, name, &Parameter::name);
  if (value >= p.low && value <= p.high && (p.step == 0 || std::remainder(value, p.step) == 0)) return;
  throw Error("recipe: " + std::string(name) + " of " + std::string(pass.name) + " must be " + shortest(p.low) + " to " +
              shortest(p.high) + (p.step > 0 ? ", a multiple of " + shortest(p.step) : "") + ", not " + shortest(value));
}

void set(RecipeStep& step, const std::string& word) {
  const size_t equals = word.find('=');
  const auto setting = step.settings.find(word.substr(0, equals));
  if (equals == std::string::npos || setting == step.settings.end()) {
    std::string known;
    for (const Parameter& p : step.pass->parameters) known += (known.empty() ? "" : ", ") + std::string(p.name) + "=…";
    throw Error("recipe: '" + word + "' is no setting of " + std::string(step.pass->name) +
                (known.empty() ? ", which has none" : "; it has " + known));
  }
  const char* const first = word.data() + equals + 1;
  const auto [end, failure] = std::from_chars(first, word.data() + word.size(), setting->second);
  if (failure != std::errc() || end != word.data() + word.size()) throw Error("recipe: '" + word + "' sets no number");
  require_limits(*step.pass, setting->first, setting->second);
}

RecipeStep parse_step(const std::string& text) {
  const std::vector<std::string> words = words_between(text, ' ');
  if (words.empty()) throw Error("recipe: there is nothing between two '|'");
  const auto pass = std::find_if(std::begin(kPasses), std::end(kPasses), [&](const Pass& p) { return p.name == words[0]; });
  if (pass == std::end(kPasses)) {
    std::string known;
    for (const Pass& p : kPasses) known += (known.empty() ? "" : ", ") + std::string(p.name);
    throw Error("recipe: there is no pass '" + words[0] + "'; the passes are: " + known);
  }
  RecipeStep step{pass, {}};
  for (const Parameter& p : pass->parameters) step.settings.emplace(p.name, p.value);
  for (size_t i = 1; i < words.size(); ++i) set(step, words[i]);
  return step;
}

}  // namespace

std::vector<RecipeStep> parse_recipe(const std::string& text) {
  std::vector<RecipeStep> steps;
  if (text.find_first_not_of(' ') == std::string::npos) return steps;
  for (const std::string& part : words_between(text, '|')) steps.push_back(parse_step(part));
  return steps;
}

std::vector<Technique> find_techniques(const std::vector<Technique>& techniques, const std::vector<std::string>& names) {
  if (names.size() == 1 && names[0] == "all") return techniques;
  std::vector<Technique> found;
  if (names.size() == 1 && names[0] == kPostTraining) {
    std::ranges::copy_if(techniques, std::back_inserter(found), [](const Technique& t) { return !t.needs().training; });
    return found;
  }
  std::string known;
  for (const Technique& t : techniques) known += (known.empty() ? "" : ", ") + t.name;
  for (const std::string& name : names)
    if (std::none_of(techniques.begin(), techniques.end(), [&](const Technique& t) { return t.name == name; }))
      throw Error("there is no technique '" + name + "'; the techniques are: " + known);
  for (const Technique& t : techniques)
    if (std::find(names.begin(), names.end(), t.name) != names.end()) found.push_back(t);
  return found;
}

namespace {

void require_real_weights(const Graph& graph, const Pass& pass) {
  for (const Value& value : graph.values)
    if (value.is_constant() && value.type != ElementType::f32)
      throw Error(std::string(pass.name) + " needs float32 weights, and '" + value.name + "' is " +
                  std::string(type_name(value.type)) + "; begin with the float32 model, and quantize last");
}

/// A pass may change weights only as the passes before it have promised.
void require_promises(const Graph& graph, const Pass& pass) {
  for (const ValueId id : weights_of(graph)) {
    const Value& weight = graph.value(id);
    const int most = weight.constraint.max_distinct;
    if (most == 0 || weight.type == ElementType::f16) continue;
    const int distinct = equal_groups(weight).most_distinct;
    if (distinct > most)
      throw Error(std::string(pass.name) + " leaves " + std::to_string(distinct) + " different numbers in '" + weight.name +
                  "', which promised at most " + std::to_string(most) + "; put " + std::string(pass.name) + " before cluster");
  }
}

}  // namespace

std::vector<int> training_epochs(const std::vector<Technique>& techniques, int most_epochs, StepCache* cached) {
  std::set<std::string> known;
  std::vector<int> epochs;
  for (const Technique& technique : techniques) {
    epochs.push_back(0);
    const std::span<const RecipeStep> steps = technique.steps;
    for (size_t count = steps.size(); count > 0; --count) {
      const std::string text = to_text(steps.first(count));
      if (known.contains(text) || (cached != nullptr && cached->has(text))) break;
      if (!steps[count - 1].pass->needs.training) continue;
      known.insert(text);
      epochs.back() += std::min(whole(steps[count - 1].settings, "epochs"), most_epochs);
    }
  }
  return epochs;
}

Graph run_recipe(std::span<const RecipeStep> steps, const PassContext& context, StepCache* cache) {
  check(context.original != nullptr);
  Graph graph = *context.original;
  size_t done = 0;
  for (size_t count = steps.size(); cache != nullptr && count > 0 && done == 0; --count)
    if (const Graph* kept = cache->find(to_text(steps.first(count)))) graph = *kept, done = count;
  for (; done < steps.size(); ++done) {
    const RecipeStep& step = steps[done];
    check(!step.pass->needs.calibration || context.calibrate);
    check(!step.pass->needs.training || context.tuner != nullptr);
    if (step.pass->needs.real_weights) require_real_weights(graph, *step.pass);
    graph = step.pass->run(std::move(graph), step.settings, context);
    verify(graph);
    require_promises(graph, *step.pass);
    if (cache != nullptr && step.pass->needs.training) cache->keep(to_text(steps.first(done + 1)), graph);
  }
  return graph;
}

Graph simplify(Graph graph) {
  graph = fuse_activation(fold_hard_sigmoid(fold_batch_norm(remove_dead(std::move(graph)))));
  verify(graph);
  return graph;
}

}  // namespace slimpilot
