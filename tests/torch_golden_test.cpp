// SPDX-License-Identifier: Apache-2.0
// Imported PyTorch checkpoints compute what PyTorch computed: every file of tests/golden/torch, as it was read and simplified,
// on every instruction set of this CPU, against outputs.json. tests/parity/torch_checkpoint.py writes these files.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "engine/session.h"
#include "formats/formats.h"
#include "host/atomic_file.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

namespace fs = std::filesystem;

/// Of the largest output, and at least of 1.
constexpr double kTolerance = 1e-5;

fs::path golden(const std::string& name) { return fs::path(SOURCE_DIR) / "tests/golden/torch" / name; }

/// The script's picture.
std::vector<float> picture(int64_t count) {
  std::vector<float> pixels(static_cast<size_t>(count));
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(i * 7919 % 251) / 251;
  return pixels;
}

std::vector<float> run(const Graph& graph, Isa isa) {
  const Plan plan(graph, {.isa = isa});
  Session session(plan);
  const std::vector<float> input = picture(element_count(graph.value(graph.inputs[0]).shape));
  EXPECT_EQ(session.input().size(), input.size() * sizeof(float));
  std::memcpy(session.input().data(), input.data(), session.input().size());
  session.run();
  std::vector<float> output;
  session.read_outputs(output);
  return output;
}

void expect_near(const std::vector<float>& actual, const std::vector<float>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i)
    EXPECT_NEAR(actual[i], expected[i], kTolerance * std::max(1.0f, std::abs(expected[i]))) << "output " << i;
}

TEST(TorchGolden, ComputesWhatPyTorchComputed) {
  const auto outputs = nlohmann::json::parse(read_file(golden("outputs.json")));
  EXPECT_EQ(outputs.size(), 7u);
  for (const auto& [name, numbers] : outputs.items()) {
    const Graph graph = read_model(golden(name)), simplified = simplify(graph);
    for (const Isa isa : supported_isas()) {
      SCOPED_TRACE(name + " on " + std::string(isa_name(isa)));
      expect_near(run(graph, isa), numbers);
      expect_near(run(simplified, isa), numbers);
    }
  }
}

}  // namespace
}  // namespace slimpilot
