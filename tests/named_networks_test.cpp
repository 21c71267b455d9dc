// SPDX-License-Identifier: Apache-2.0
// Each of DeepLearningStudio's larger networks: it learns, every technique that needs no training runs on it, and what is
// written is what was made.
#include <gtest/gtest.h>
#include <unistd.h>

#include "eval/offline.h"
#include "formats/formats.h"
#include "graph/networks.h"
#include "optimize/pass_test.h"
#include "optimize/passes.h"
#include "training/train.h"
#include "training/training_test.h"

namespace slimpilot {
namespace {

namespace fs = std::filesystem;

/// How near to float32 a technique stays, on the frames that calibrate. The weights are random.
double least_sqnr_db(const std::string& technique) {
  if (technique == "float32") return 1000;
  if (technique == "float16") return 50;
  return technique == "int16x8" ? 30 : 15;
}

/// Formats that can say the network: .tflite and .onnx have no LSTM over several steps.
std::vector<const char*> endings_for(const Graph& graph) {
  const auto is_lstm = [](const Node& node) { return std::holds_alternative<Lstm>(node.op); };
  if (std::ranges::any_of(graph.nodes, is_lstm)) return {".slim"};
  return {".slim", ".tflite", ".onnx"};
}

NetworkWidths half_as_wide(NetworkWidths widths) {
  for (std::vector<int>* layers : {&widths.convs, &widths.lstms, &widths.dense})
    for (int& width : *layers) width = std::max(2, width / 2);
  return widths;
}

class NamedNetworks : public testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() {
    folder_ = fs::path(testing::TempDir()) / ("named_networks_" + std::to_string(getpid()));
    write_recording(folder_ / "a", 16, 1);
    write_recording(folder_ / "b", 4, 2);
  }
  static void TearDownTestSuite() { fs::remove_all(folder_); }

  static Graph network(const NetworkOptions& options) {
    Graph graph = make_network(GetParam(), 1, options);
    graph.preprocessing.crop_top = graph.preprocessing.crop_bottom = 0;  // the frames are smaller
    return graph;
  }

  static Graph reloaded(const Graph& graph, const char* ending) {
    const fs::path file = folder_ / (std::string(GetParam()) + ending);
    write_model(graph, file);
    return read_model(file);
  }

  static inline fs::path folder_;
};

TEST_P(NamedNetworks, Learn) {
  std::vector<double> losses;
  const TrainData data{dataset_of(folder_ / "a"), dataset_of(folder_ / "b")};
  const TrainOptions options{.epochs = 3, .batch = 4, .learning_rate = 1e-3, .threads = 1, .is_new = true};
  const Graph start = network({.initialization = Initialization::keras});
  const Graph trained = train(start, data, options, {}, {{}, [&](const EpochResult& e) { losses.push_back(e.train_loss); }});
  ASSERT_EQ(losses.size(), 3u);
  EXPECT_LT(losses.back(), .95 * losses.front());
  EXPECT_EQ(trained.preprocessing, start.preprocessing);
}

TEST_P(NamedNetworks, TakeEveryPostTrainingTechnique) {
  const Graph graph = simplify(network({.widths = half_as_wide(network_widths(GetParam()))}));
  const Dataset frames = dataset_of(folder_ / "b");
  FrameReader reader(frames, graph.preprocessing, Plan(graph).inputs()[0], selected_isa());
  std::vector<std::vector<float>> inputs(
      frames.size(), std::vector<float>(static_cast<size_t>(element_count(graph.value(graph.inputs[0]).shape))));
  for (size_t i = 0; i < frames.size(); ++i) reader.read(i, std::as_writable_bytes(std::span(inputs[i])));
  const auto said = [&](const Graph& g) { return predict(Plan(g), g.preprocessing, frames, "frames", {}); };
  const Predictions reference = said(graph);
  for (const auto& [name, summary, steps] : find_techniques(standard_techniques(), {std::string(kPostTraining)})) {
    SCOPED_TRACE(name);
    const Graph result = technique(name, graph, inputs);
    const Predictions predictions = said(result);
    EXPECT_GT(compare_with_reference(predictions, reference).overall.sqnr_db, least_sqnr_db(name));
    for (const char* ending : endings_for(graph)) {
      const Graph again = reloaded(result, ending);
      EXPECT_EQ(again.preprocessing, graph.preprocessing) << ending;
      EXPECT_EQ(said(again), predictions) << ending;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, NamedNetworks,
                         testing::Values("pilotnet_stacked", "pilotnet_x3", "pilotnet_x3_conv3d", "memdccp", "deeppilot"),
                         [](const auto& network) { return std::string(network.param); });

}  // namespace
}  // namespace slimpilot
