// SPDX-License-Identifier: Apache-2.0
// What `doctor` finds, and that docs/troubleshooting.md and the commands' options are those of its table.
#include "cli/diagnosis.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "cli/commands.h"
#include "formats/formats.h"
#include "graph/edit.h"
#include "graph/networks.h"
#include "host/args.h"
#include "host/atomic_file.h"
#include "optimize/passes.h"
#include "optimize/recipes.h"

namespace slimpilot {
namespace {

using Names = std::set<std::string>;

Names found_in(const Graph& graph) {
  Names names;
  for (const Finding& finding : diagnose(graph).findings) names.insert(std::string(finding.symptom->name));
  return names;
}

std::string answer(const Graph& graph, std::string_view what) {
  for (const Ability& ability : diagnose(graph).abilities)
    if (ability.what == what) return ability.answer;
  return "not asked";
}

Graph golden(const std::string& name) { return read_model(SOURCE_DIR "/tests/golden/" + name); }
Graph lstm(const NetworkOptions& options = {}) { return make_network("deepest_lstm_tiny_pilotnet", 1, options); }

TEST(Doctor, FindsNothingInAWholeModel) {
  const Graph graph = lstm();
  EXPECT_EQ(found_in(graph), Names{});
  EXPECT_EQ(answer(graph, "drive, brain"), "yes");
  EXPECT_EQ(answer(graph, "camera frames"), "yes, 640x480: rows 240:480, 100x50, rgb");
  EXPECT_EQ(answer(graph, "int8_only"), "all " + std::to_string(simplify(graph).nodes.size()) + " layers in integers");
}

TEST(Doctor, KnowsNetworksThatSeeSeveralFrames) {
  const Graph stacked = make_network("pilotnet_stacked", 1), sequence = make_network("pilotnet_x3", 1);
  EXPECT_EQ(answer(stacked, "camera frames"),
            "yes, 640x480: rows 240:480, 200x66, rgb; 2 images as channels, 1 and 0 frames back");
  EXPECT_EQ(answer(sequence, "camera frames"),
            "yes, 640x480: rows 240:480, 100x50, rgb; 3 images as a sequence, 9, 5 and 0 frames back");
  for (const Graph& graph : {stacked, sequence}) EXPECT_FALSE(found_in(graph).contains("no_camera_image"));
}

TEST(Doctor, FindsWhatAFileDoesNotSay) {
  Graph graph = lstm();
  graph.preprocessing = {};
  graph.meaning.clear();
  EXPECT_EQ(found_in(graph), (Names{"no_camera_size", "raw_pixels", "unnamed_outputs"}));
  EXPECT_EQ(found_in(lstm({.outputs = {{"v", "m/s", 0, 1}, {"w", "rad/s", -1, 1}}})), Names{"unscaled_outputs"});
  const Graph carla = lstm({.outputs = {{"throttle", "", 0, 1}, {"steer", "", -1, 1}}});
  EXPECT_EQ(found_in(carla), Names{"no_v_w"});
  EXPECT_EQ(answer(carla, "drive, brain"), "brain alone, for CARLA: there are no outputs v and w");
  graph = make_network("pilotnet", 1);  // begins with BatchNorm
  graph.preprocessing.scale[0] = graph.preprocessing.scale[1] = graph.preprocessing.scale[2] = 1;
  std::ranges::fill(graph.preprocessing.offset, 0.0f);
  EXPECT_EQ(found_in(graph), Names{"large_layer"});
}

TEST(Doctor, FindsLayersThatStayReal) {
  const Graph categorical = golden("keras/donkey_categorical.keras");
  EXPECT_TRUE(found_in(categorical).contains("real_layers"));
  EXPECT_EQ(answer(categorical, "int8_only"),
            "6 of 8 layers in integers; in real numbers: Softmax (angle_out/softmax, throttle_out/softmax)");
  const Graph activations = golden("keras/activations.h5");
  EXPECT_EQ(answer(activations, "int8_only"), "all 10 layers in integers");
  EXPECT_EQ(answer(activations, "int16x8"), "9 of 10 layers in integers; in real numbers: elu (elu)");
  EXPECT_TRUE(found_in(activations).contains("small_weights"));
}

TEST(Doctor, FindsWhatFormatsAndCamerasCannotDo) {
  const Graph sequence = golden("keras/recurrent_sequences.h5");
  const Names names = found_in(sequence);
  for (const char* name : {"recurrent", "no_camera_image", "tflite_refuses", "onnx_refuses"})
    EXPECT_TRUE(names.contains(name)) << name;
  EXPECT_FALSE(names.contains("depends_on_history"));
  EXPECT_TRUE(answer(sequence, ".tflite").starts_with("no: layer 'conv_lstm2d'"));
  EXPECT_TRUE(answer(sequence, "engine").starts_with("yes, "));
  Graph stateful = sequence;
  for (Node& node : stateful.nodes)
    if (auto* layer = std::get_if<Lstm>(&node.op)) layer->stateful = true;
  EXPECT_TRUE(found_in(stateful).contains("depends_on_history"));
}

TEST(Doctor, FindsWhatHasBeenDoneToWeights) {
  EXPECT_EQ(found_in(prune_global(simplify(lstm()), .6)), Names{"zeros_take_place"});
  Graph integer;
  integer.inputs = {add_value(integer, "image", {1, 8, 8, 3}, ElementType::s8)};
  integer.value(0).quantization = Quantization{{.1f}, {0}, -1};
  const ValueId flat = append_node(integer, "flat", Reshape{{1, 192}}, {0});
  integer.value(flat).type = ElementType::s8, integer.value(flat).quantization = integer.value(0).quantization;
  integer.outputs = {flat};
  verify(integer);
  EXPECT_TRUE(found_in(integer).contains("is_integer"));
  EXPECT_EQ(answer(integer, "optimize"), "no: it computes in integers already");
}

TEST(Symptoms, TroubleshootingIsTheTable) {
  std::string rows;
  const std::string text = read_file(SOURCE_DIR "/docs/troubleshooting.md");
  for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
    if (text[at] == '|') rows += text.substr(at, text.find('\n', at) + 1 - at);
  EXPECT_EQ(rows, symptoms_table()) << "slimpilot doctor --table prints what the file must hold";
}

TEST(Symptoms, EachHasItsName) {
  Names names;
  for (const Symptom& s : symptoms()) EXPECT_TRUE(names.insert(std::string(s.name)).second) << s.name;
}

/// What begins at `first` and is made of these characters.
std::string word_at(const std::string& text, size_t first, const char* characters) {
  return text.substr(first, std::min(text.find_first_not_of(characters, first), text.size()) - first);
}

TEST(Symptoms, OptionsAndTechniquesExist) {
  std::string help;
  for (const Subcommand& command : commands()) {
    const char* words[] = {command.name, "--help"};
    try {
      command.run(2, const_cast<char**>(words));
      ADD_FAILURE() << command.name;
    } catch (const HelpRequested& h) {
      help += h.text;
    }
  }
  const std::string table = symptoms_table();
  int count = 0;
  for (size_t at = table.find("--"); at != std::string::npos; at = table.find("--", at + 2)) {
    const std::string option = word_at(table, at, "abcdefghijklmnopqrstuvwxyz-");
    if (option.size() < 4) continue;  // a rule of the table
    EXPECT_NE(help.find(option), std::string::npos) << option;
    ++count;
  }
  EXPECT_GT(count, 15);
  const std::string word = "--techniques ";
  const size_t list = table.find(word);
  ASSERT_NE(list, std::string::npos);
  std::vector<std::string> names;
  for (const char c : word_at(table, list + word.size(), "abcdefghijklmnopqrstuvwxyz0123456789_,")) {
    if (names.empty() || c == ',') names.emplace_back();
    if (c != ',') names.back() += c;
  }
  EXPECT_NO_THROW(find_techniques(standard_techniques(), names));
}

}  // namespace
}  // namespace slimpilot
