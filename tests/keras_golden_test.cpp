// SPDX-License-Identifier: Apache-2.0
// Imported Keras models compute what Keras computed: every NAME.h5 and NAME.keras of tests/golden/keras, as it was read and
// simplified, on every instruction set of this CPU, against the output in NAME.json.
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

/// Of the largest output, and at least of 1: sums of a few hundred float32 terms, here and in Keras.
constexpr double kTolerance = 1e-5;

struct Golden {
  ReadOptions options;
  std::vector<float> input, output;
};

Golden read_golden(const fs::path& path) {
  const auto json = nlohmann::json::parse(read_file(path));
  Golden golden{.options = {}, .input = json["input"], .output = json["output"]};
  for (const auto& [name, numbers] : json["lambdas"].items()) golden.options.lambdas[name] = {numbers[0], numbers[1]};
  return golden;
}

std::vector<fs::path> golden_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::path(SOURCE_DIR) / "tests/golden/keras"))
    if (entry.path().extension() == ".h5" || entry.path().extension() == ".keras") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<float> run(const Graph& graph, Isa isa, const std::vector<float>& input) {
  const Plan plan(graph, {.isa = isa});
  Session session(plan);
  EXPECT_EQ(session.input().size(), input.size() * sizeof(float));
  std::memcpy(session.input().data(), input.data(), session.input().size());
  session.run();
  std::vector<float> output;
  session.read_outputs(output);
  return output;
}

void expect_near(const std::vector<float>& actual, const std::vector<float>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  double largest = 1;
  for (const float y : expected) largest = std::max(largest, std::abs(static_cast<double>(y)));
  for (size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], expected[i], kTolerance * largest) << "output " << i;
}

class KerasGolden : public testing::TestWithParam<fs::path> {};

TEST_P(KerasGolden, ComputesWhatKerasComputed) {
  const Golden golden = read_golden(fs::path(GetParam()).replace_extension(".json"));
  const Graph graph = read_model(GetParam(), golden.options);
  const Graph simplified = simplify(graph);
  for (const Isa isa : supported_isas()) {
    SCOPED_TRACE(isa_name(isa));
    expect_near(run(graph, isa, golden.input), golden.output);
    expect_near(run(simplified, isa, golden.input), golden.output);
  }
}

INSTANTIATE_TEST_SUITE_P(Files, KerasGolden, testing::ValuesIn(golden_files()), [](const auto& file) {
  return file.param.stem().string() + "_" + file.param.extension().string().substr(1);
});

TEST(KerasGoldenFiles, AreAllThere) { EXPECT_EQ(golden_files().size(), 26u); }

}  // namespace
}  // namespace slimpilot
