// SPDX-License-Identifier: Apache-2.0
// Imported models compute what their framework computed, as they were read and simplified, on every instruction set of this
// CPU: every NAME.h5 and NAME.keras of tests/golden/keras against the output in NAME.json, and the PyTorch checkpoints of
// tests/golden/torch against outputs.json (tests/parity/torch_checkpoint.py writes these); a dynamic range .tflite against
// LiteRT.
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

/// Of the largest output, and at least of 1: sums of a few hundred float32 terms, here and there.
constexpr double kTolerance = 1e-5;

const fs::path kGolden = fs::path(SOURCE_DIR) / "tests/golden";

struct Example {
  ReadOptions options;
  std::vector<float> input, output;
};

Example read_example(const fs::path& path) {
  const auto json = nlohmann::json::parse(read_file(path));
  Example example{.options = {}, .input = json["input"], .output = json["output"]};
  if (json.contains("lambdas"))
    for (const auto& [name, numbers] : json["lambdas"].items()) example.options.lambdas[name] = {numbers[0], numbers[1]};
  return example;
}

std::vector<fs::path> keras_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(kGolden / "keras"))
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

void expect_output(const Graph& graph, const std::vector<float>& input, const std::vector<float>& output) {
  const Graph simplified = simplify(graph);
  for (const Isa isa : supported_isas()) {
    SCOPED_TRACE(isa_name(isa));
    expect_near(run(graph, isa, input), output);
    expect_near(run(simplified, isa, input), output);
  }
}

class KerasGolden : public testing::TestWithParam<fs::path> {};

TEST_P(KerasGolden, ComputesWhatKerasComputed) {
  const Example example = read_example(fs::path(GetParam()).replace_extension(".json"));
  expect_output(read_model(GetParam(), example.options), example.input, example.output);
}

INSTANTIATE_TEST_SUITE_P(Files, KerasGolden, testing::ValuesIn(keras_files()), [](const auto& file) {
  return file.param.stem().string() + "_" + file.param.extension().string().substr(1);
});

TEST(KerasGoldenFiles, AreAllThere) { EXPECT_EQ(keras_files().size(), 26u); }

/// The script's picture.
std::vector<float> torch_picture(int64_t count) {
  std::vector<float> pixels(static_cast<size_t>(count));
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(i * 7919 % 251) / 251;
  return pixels;
}

TEST(TorchGolden, ComputesWhatPyTorchComputed) {
  const auto outputs = nlohmann::json::parse(read_file(kGolden / "torch/outputs.json"));
  EXPECT_EQ(outputs.size(), 7u);
  for (const auto& [name, numbers] : outputs.items()) {
    SCOPED_TRACE(name);
    const Graph graph = read_model(kGolden / "torch" / name);
    expect_output(graph, torch_picture(element_count(graph.value(graph.inputs[0]).shape)), numbers);
  }
}

/// Bit for bit: a last bit now and then decides how the next layer quantizes what it reads.
TEST(DynamicRangeGolden, HasTheBitsOfLiteRtsReferenceKernels) {
  const Example example = read_example(kGolden / "tflite/dynamic_range.json");
  const Graph graph = read_model(kGolden / "tflite/dynamic_range.tflite");
  for (const Isa isa : supported_isas()) EXPECT_EQ(run(graph, isa, example.input), example.output) << isa_name(isa);
}

}  // namespace
}  // namespace slimpilot
