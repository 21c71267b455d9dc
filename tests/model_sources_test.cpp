// SPDX-License-Identifier: Apache-2.0
// The README's table of what works with models of which source: everything is really done with the golden files, and with
// .tflite files that are made of one of them, and the README must say the same. With the environment variable
// SLIMPILOT_WRITE_README the table is written into it.
#include <gtest/gtest.h>
#include <tflite_generated.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/error.h"
#include "eval/dataset.h"
#include "eval/driver.h"
#include "formats/formats.h"
#include "host/atomic_file.h"
#include "optimize/pass_test.h"
#include "optimize/passes.h"
#include "sim/track_test.h"
#include "training/train.h"
#include "training/training_test.h"

namespace slimpilot {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kBegin = "<!-- model sources: written by tests/model_sources_test.cpp -->\n",
                           kEnd = "<!-- end of model sources -->\n";
const char* const kColumns[] = {"read",    "evaluate", "drive", "post-training techniques", "training techniques",
                                ".tflite", ".onnx",    ".slim"};
constexpr size_t kColumnCount = std::size(kColumns);

/// How often one thing was tried and worked, and the first reason why not.
struct Count {
  int worked = 0, tried = 0;
  std::string reason;

  template <class F>
  void add(const std::string& file, F&& act) {
    ++tried;
    try {
      act();
      ++worked;
    } catch (const Error& error) {
      if (reason.empty()) reason = file + ": " + error.what();
    }
  }
};

struct Source {
  std::string name;
  std::vector<fs::path> files;
  std::array<Count, kColumnCount> counts = {};
  int camera_files = 0;
};

/// A network's results for random inputs. Throws Error when one is not finite.
std::vector<float> results_of(const Graph& graph) {
  const Plan plan(graph);
  Session session(plan);
  Random random(1);
  for (size_t i = 0; i < graph.inputs.size(); ++i)
    session.write_input(random_floats(random, element_count(graph.value(graph.inputs[i]).shape), 0, 1), i);
  session.run();
  std::vector<float> results;
  session.read_outputs(results);
  if (!std::ranges::all_of(results, [](float one) { return std::isfinite(one); })) throw Error("a result is not finite");
  return results;
}

bool is_real(const Graph& graph) {
  return std::ranges::all_of(graph.values, [](const Value& value) { return !value.quantization; });
}

/// Files of the same network yield the same, integers within what other runtimes' formats keep.
void need_same(const Graph& graph, const Graph& read) {
  const std::vector<float> a = results_of(graph), b = results_of(read);
  if (a.size() != b.size()) throw Error("yields another number of results");
  double signal = 0, noise = 0;
  for (size_t i = 0; i < a.size(); ++i) signal += std::pow(double{a[i]}, 2), noise += std::pow(double{a[i]} - double{b[i]}, 2);
  if (noise > signal * (is_real(graph) ? 1e-10 : 1e-3)) throw Error("yields other results");
}

bool takes_camera_images(const Graph& graph) {
  const Shape& shape = graph.value(graph.inputs[0]).shape;
  return graph.inputs.size() == 1 && shape.size() == 4 && shape[0] == 1 && shape[3] == 3;
}

size_t result_count(const Graph& graph) {
  size_t count = 0;
  for (const ValueId id : graph.outputs) count += static_cast<size_t>(element_count(graph.value(id).shape));
  return count;
}

/// What a user says with --crop, --resize, --normalize and --outputs.
void complete(Graph& graph) {
  graph.preprocessing = {.resize = true, .scale = {1 / 255.f, 1 / 255.f, 1 / 255.f}};
  const std::vector<OutputMeaning> all{{"v", "m/s", 6.5f, 24}, {"w", "rad/s", -7.1f, 7.1f}};
  graph.meaning = {{"v", "m/s", 6.5f, 24}, {"w", "rad/s", -7.1f, 7.1f}};
  const size_t count = result_count(graph);
  if (count == 1) graph.meaning.erase(graph.meaning.begin());
  for (size_t i = 2; i < count; ++i) graph.meaning.push_back({"output" + std::to_string(i), "", 0, 1});
}

/// With what stands for the file's Lambda layers, which the golden output beside it says.
ReadOptions options_for(const fs::path& file) {
  ReadOptions options;
  const fs::path json = fs::path(file).replace_extension(".json");
  if (!fs::exists(json)) return options;
  const auto golden = nlohmann::json::parse(read_file(json));
  for (const auto& [name, numbers] : golden["lambdas"].items()) options.lambdas[name] = {numbers[0], numbers[1]};
  return options;
}

/// `text` without the folders of files.
std::string without(std::string text, const fs::path& folder) {
  const std::string prefix = folder.string() + "/";
  for (size_t at; (at = text.find(prefix)) != std::string::npos;) text.erase(at, prefix.size());
  return text;
}

/// What is alike in reasons that differ only in names between quotes and in numbers.
std::string without_particulars(const std::string& reason) {
  std::string kind;
  bool quoted = false;
  for (const char c : reason) {
    if (c == '\'') quoted = !quoted;
    if (c != '\'' && !quoted && !(c >= '0' && c <= '9')) kind += c;
  }
  return kind;
}

/// Reasons in the order in which they are met; those that differ in files and names alone are one.
class Notes {
 public:
  size_t number_of(const std::string& reason) {
    const std::string kind = without_particulars(reason.substr(reason.find(": ")));
    const auto known = std::ranges::find(kinds_, kind);
    if (known != kinds_.end()) return static_cast<size_t>(known - kinds_.begin()) + 1;
    kinds_.push_back(kind);
    text_ += std::to_string(kinds_.size()) + ". " + reason + "\n";
    return kinds_.size();
  }
  const std::string& text() const { return text_; }

 private:
  std::vector<std::string> kinds_;
  std::string text_;
};

class ModelSources : public testing::Test {
 protected:
  ModelSources() : folder_(fs::path(testing::TempDir()) / ("model_sources_" + std::to_string(getpid()))) {
    write_recording(folder_ / "recording", 8, 1);
    make_tflite_files();
    add_sources();
  }
  ~ModelSources() override { fs::remove_all(folder_); }

  void make_tflite_files();
  void add_sources();
  void try_all(Source& source);
  void try_camera(Source& source, const std::string& name, const Graph& graph);
  void try_techniques(Count& count, const std::string& name, const Graph& graph, bool training);
  Dataset dataset(const Graph& graph) const;
  std::string table() const;

  fs::path folder_;
  std::vector<Source> sources_;
};

/// int8 with integer ends as uint8: the same numbers, 128 more. Weights get one scale, as uint8 files have; what the network
/// says changes with it, which nothing here minds.
std::string as_uint8(const Graph& graph) {
  const std::string bytes = to_tflite(graph);
  tflite_schema::ModelT model;
  tflite_schema::GetModel(bytes.data())->UnPackTo(&model);
  std::set<uint32_t> moved;  // equal constants share a buffer
  for (auto& tensor : model.subgraphs[0]->tensors) {
    if (tensor->type != tflite_schema::TensorType::INT8) continue;
    tensor->type = tflite_schema::TensorType::UINT8;
    const bool is_weight = !model.buffers[tensor->buffer]->data.empty();
    for (int64_t& zero : tensor->quantization->zero_point) zero += 128;
    if (is_weight) {
      tensor->quantization->scale.resize(1);
      tensor->quantization->zero_point.resize(1);
    }
    if (is_weight && moved.insert(tensor->buffer).second)
      for (uint8_t& byte : model.buffers[tensor->buffer]->data) byte ^= 0x80;
  }
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(tflite_schema::Model::Pack(builder, &model), "TFL3");
  return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

void ModelSources::make_tflite_files() {
  TestNetwork n({1, 20, 30, 3});
  n.conv("conv1", 8, 3, {2, 2, Padding::valid, ActivationKind::relu});
  n.conv("conv2", 16, 3, {2, 2, Padding::same, ActivationKind::relu});
  const Graph graph =
      simplify(n.flatten().dense("dense1", 24).activation("relu", ActivationKind::relu).dense("dense2", 2).finish());
  const auto inputs = random_inputs(graph, 4, 0, 1, 2);
  for (const char* name : {"float32", "float16", "dynamic_range", "int8_float_fallback", "int8_only", "int16x8"})
    write_model(technique(name, graph, inputs), folder_ / (std::string(name) + ".tflite"));
  write_file_atomically(folder_ / "uint8.tflite", as_uint8(technique("int8_only", graph, inputs)));
}

void ModelSources::add_sources() {
  const fs::path golden = fs::path(SOURCE_DIR) / "tests/golden";
  const auto all = [](const fs::path& folder, const std::vector<std::string>& names) {
    std::vector<fs::path> files;
    for (const std::string& name : names) files.push_back(folder / name);
    return files;
  };
  sources_ = {
      {"Keras 1.2 `.h5`", all(golden / "keras", {"keras1.h5", "keras1_branches.h5"})},
      {"Keras 2 `.h5`",
       all(golden / "keras", {"activations.h5", "batch_norm.h5", "conv_lstm.h5", "convolutions.h5", "global_pools.h5",
                              "lambda.h5", "nested.h5", "pools.h5", "recurrent_sequences.h5", "sequences.h5"})},
      {"Keras 3 `.h5`", all(golden / "keras", {"branches3.h5", "keras3.h5", "nested3.h5", "sequences3.h5"})},
      {"Keras 3 `.keras`", all(golden / "keras", {"branches3.keras", "global_pools3.keras", "nested.keras", "nested3.keras",
                                                  "recurrent_sequences3.keras", "sequences3.keras"})},
      {"Keras, functional, several outputs",
       all(golden / "keras", {"branches.h5", "donkey_linear.h5", "donkey_categorical.keras"})},
      {"Keras, quantization-aware (TF-MOT)", all(golden / "keras", {"quantized.h5"})},
      {"`.tflite`, float32 and float16", all(folder_, {"float32.tflite", "float16.tflite"})},
      {"`.tflite`, dynamic range", all(folder_, {"dynamic_range.tflite"})},
      {"`.tflite`, int8 and int16x8", all(folder_, {"int8_float_fallback.tflite", "int8_only.tflite", "int16x8.tflite"})},
      {"`.tflite`, uint8 (TensorFlow 1)", all(folder_, {"uint8.tflite"})},
      {"ONNX, float (PyTorch)", all(golden / "onnx", {"dynamo.onnx", "legacy.onnx"})},
      {"ONNX, QDQ", all(golden / "onnx", {"qdq.onnx"})},
      {"ONNX, QOperator", all(golden / "onnx", {"qoperator.onnx"})},
      {"PyTorch state dictionary", all(golden / "torch", {"bfloat16.pt", "half.pt", "legacy.pth", "lstm.pth", "pilotnet.pth"})},
      {"PyTorch checkpoint", all(golden / "torch", {"training.ckpt", "views.ckpt"})},
  };
}

Dataset ModelSources::dataset(const Graph& graph) const {
  Dataset d = dataset_of(folder_ / "recording");
  d.columns.clear();
  for (const OutputMeaning& meaning : graph.meaning) d.columns.push_back({meaning.name, meaning.min, meaning.max});
  return d;
}

void ModelSources::try_techniques(Count& count, const std::string& name, const Graph& graph, bool training) {
  const auto inputs = random_inputs(graph, 4, 0, 1, 2);
  std::optional<Calibration> calibration;
  const auto calibrate = [&](const Graph& g) -> const Calibration& { return calibration.emplace(calibrated(g, inputs)); };
  for (const Technique& one : standard_techniques()) {
    if (one.needs().training != training) continue;
    count.add(name + ", " + one.name, [&] {
      std::unique_ptr<FineTuner> tuner;
      if (training) tuner = make_fine_tuner(graph, {dataset(graph), dataset(graph)}, {.batch = 4, .threads = 1}, {});
      const Graph made = run_recipe(one.steps, {calibrate, tuner.get(), &graph, 1});
      write_model(made, folder_ / "made.tflite");
      need_same(made, read_model(folder_ / "made.tflite"));
    });
  }
}

void ModelSources::try_camera(Source& source, const std::string& name, const Graph& graph) {
  ++source.camera_files;
  source.counts[1].add(name, [&] {
    const Plan plan(graph);
    for (const auto& frame : predict(plan, graph.preprocessing, dataset(graph), "", {}))
      if (!std::ranges::all_of(frame, [](float one) { return std::isfinite(one); })) throw Error("a result is not finite");
  });
  source.counts[2].add(name, [&] {
    const Plan plan(graph);
    const Episode episode = drive_once({.graph = &graph, .plan = &plan}, Track(ring(10), 3), {.timeout_s = .5});
    if (episode.commands.empty()) throw Error("gave no command");
  });
  try_techniques(source.counts[4], name, simplify(graph), true);
}

void ModelSources::try_all(Source& source) {
  for (const fs::path& file : source.files) {
    const std::string name = file.filename().string();
    Graph graph;
    source.counts[0].add(name, [&] {
      graph = read_model(file, options_for(file));
      results_of(graph);
    });
    if (graph.inputs.empty()) continue;
    complete(graph);
    if (takes_camera_images(graph)) try_camera(source, name, graph);
    if (graph.inputs.size() == 1) try_techniques(source.counts[3], name, simplify(graph), false);
    size_t column = 5;
    for (const char* ending : {".tflite", ".onnx", ".slim"})
      source.counts[column++].add(name, [&] {
        const Graph simplified = simplify(graph);
        write_model(simplified, folder_ / ("made" + std::string(ending)));
        need_same(simplified, read_model(folder_ / ("made" + std::string(ending))));
      });
  }
}

std::string ModelSources::table() const {
  std::string text = "| source | files | with camera images |", line = "|---|---|---|";
  for (const char* column : kColumns) text += std::string(" ") + column + " |", line += "---|";
  text += "\n" + line + "\n";
  Notes notes;
  for (const Source& source : sources_) {
    text +=
        "| " + source.name + " | " + std::to_string(source.files.size()) + " | " + std::to_string(source.camera_files) + " |";
    for (const Count& count : source.counts) {
      text += count.tried == 0              ? " –"
              : count.worked == count.tried ? " yes"
              : count.worked == 0           ? " no"
                                            : " " + std::to_string(count.worked) + " of " + std::to_string(count.tried);
      if (!count.reason.empty())
        text +=
            " (" +
            std::to_string(notes.number_of(without(without(count.reason, folder_), fs::path(SOURCE_DIR) / "tests/golden"))) +
            ")";
      text += " |";
    }
    text += "\n";
  }
  return text + "\n" + notes.text();
}

TEST_F(ModelSources, AreWhatTheReadmeSays) {
  for (Source& source : sources_) {
    try_all(source);
    EXPECT_GT(source.counts[0].worked, 0) << source.name;
  }
  const fs::path path = fs::path(SOURCE_DIR) / "README.md";
  std::string readme = read_file(path);
  const size_t begin = readme.find(kBegin), end = readme.find(kEnd);
  ASSERT_TRUE(begin != std::string::npos && end != std::string::npos && begin < end) << "README.md lacks the markers";
  const size_t first = begin + kBegin.size();
  const std::string made = "\n" + table() + "\n";
  if (std::getenv("SLIMPILOT_WRITE_README")) {
    write_file_atomically(path, readme.replace(first, end - first, made));
    return;
  }
  EXPECT_EQ(readme.substr(first, end - first), made) << "SLIMPILOT_WRITE_README=1 with this test writes what should be there";
}

/// Every golden file is in the table; what is none of its sources is named here.
TEST_F(ModelSources, AreAllGoldenFiles) {
  std::set<fs::path> known;
  for (const Source& source : sources_) known.insert(source.files.begin(), source.files.end());
  for (const char* folder : {"keras", "onnx", "torch"})
    for (const auto& entry : fs::directory_iterator(fs::path(SOURCE_DIR) / "tests/golden" / folder)) {
      const std::string ending = entry.path().extension().string();
      if (ending == ".json" || ending == ".py" || entry.path().filename() == "whole_module.pth") continue;
      EXPECT_TRUE(known.contains(entry.path())) << entry.path();
    }
}

}  // namespace
}  // namespace slimpilot
