// SPDX-License-Identifier: Apache-2.0
// The list of techniques, and the passes they share.
#include "optimize/recipes.h"

#include <algorithm>

#include "base/error.h"
#include "optimize/calibrate.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

constexpr Pass kTechniques[] = {
    {"float32",
     "the network as it was trained, with BatchNorm folded and dead parts removed",
     {},
     [](Graph graph, const PassContext&) { return graph; }},
    {"dynamic_range",
     "int8 weights; activations quantized on the fly",
     {.calibration = true},
     [](Graph graph, const PassContext& c) { return quantize_dynamic_range(std::move(graph), *c.calibration); }},
    {"float16",
     "float16 weights, float32 arithmetic",
     {.calibration = true},
     [](Graph graph, const PassContext& c) { return quantize_float16(std::move(graph), *c.calibration); }},
    {"int8_float_fallback",
     "int8 weights and activations, float inputs and outputs",
     {.calibration = true},
     [](Graph graph, const PassContext& c) { return quantize_integer(std::move(graph), *c.calibration, {}); }},
    {"int8_only",
     "int8 weights, activations, inputs and outputs",
     {.calibration = true},
     [](Graph graph, const PassContext& c) {
       return quantize_integer(std::move(graph), *c.calibration, {.integer_io = true});
     }},
    {"int16x8",
     "int16 activations, int8 weights",
     {.calibration = true},
     [](Graph graph, const PassContext& c) {
       return quantize_integer(std::move(graph), *c.calibration, {.activations = ElementType::s16});
     }},
};

}  // namespace

Graph apply(const Pass& pass, Graph graph, const PassContext& context) {
  check(!pass.needs.calibration || context.calibration != nullptr);
  Graph result = pass.run(std::move(graph), context);
  verify(result);
  return result;
}

Graph simplify(Graph graph) {
  graph = fuse_activation(fold_hard_sigmoid(fold_batch_norm(remove_dead(std::move(graph)))));
  verify(graph);
  return graph;
}

std::span<const Pass> techniques() { return kTechniques; }

std::vector<const Pass*> find_techniques(const std::vector<std::string>& names) {
  const bool all = names.size() == 1 && names[0] == "all";
  std::vector<const Pass*> found;
  std::string known;
  for (const Pass& pass : kTechniques) {
    if (all || std::find(names.begin(), names.end(), pass.name) != names.end()) found.push_back(&pass);
    known += (known.empty() ? "" : ", ") + std::string(pass.name);
  }
  for (const std::string& name : names)
    if (!all && std::none_of(std::begin(kTechniques), std::end(kTechniques), [&](const Pass& p) { return p.name == name; }))
      throw Error("there is no technique '" + name + "'; the techniques are: " + known);
  return found;
}

}  // namespace slimpilot
