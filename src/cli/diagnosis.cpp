// SPDX-License-Identifier: Apache-2.0
// Asks each part of slimpilot, rather than to know better than it: the plan, the frames' preparation, the writers, the passes.
#include "cli/diagnosis.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "cli/model_options.h"
#include "engine/frame_input.h"
#include "formats/behavior_metrics.h"
#include "formats/formats.h"
#include "graph/edit.h"
#include "graph/input_images.h"
#include "graph/weights.h"
#include "optimize/passes.h"
#include "report/table.h"
#include "sim/camera.h"

namespace slimpilot {
namespace {

/// "conv1, conv2, conv3 and 4 more"
std::string listed(const std::vector<std::string>& names) {
  constexpr size_t kMost = 3;
  std::string text;
  for (size_t i = 0; i < std::min(kMost, names.size()); ++i) text += (i > 0 ? ", " : "") + names[i];
  return names.size() > kMost ? text + fmt::format(" and {} more", names.size() - kMost) : text;
}

/// Whether the first layers scale the pixels: once folded, this cannot be seen any more.
bool scales_pixels(const Graph& graph) {
  return std::ranges::any_of(consumers_of(graph, graph.inputs[0]), [&](int i) {
    const Op& op = graph.nodes[static_cast<size_t>(i)].op;
    return std::holds_alternative<BatchNorm>(op) || std::holds_alternative<DepthwiseConv2D>(op) ||
           std::holds_alternative<Mul>(op) || std::holds_alternative<Add>(op);
  });
}

class Doctor {
 public:
  explicit Doctor(const Graph& as_read) : scales_pixels_(scales_pixels(as_read)), graph_(simplify(as_read)) {}

  Diagnosis run() {
    look_at_engine();
    look_at_frames();
    look_at_outputs();
    look_at_files();
    look_at_techniques();
    look_at_weights();
    return std::move(diagnosis_);
  }

 private:
  void add(std::string what, std::string answer) { diagnosis_.abilities.push_back({std::move(what), std::move(answer)}); }
  void find(std::string_view symptom, std::string place) {
    diagnosis_.findings.push_back({&symptom_named(symptom), std::move(place)});
  }
  /// What `work` says, or why it cannot.
  template <class Work>
  bool ask(const char* what, const Work& work) {
    try {
      add(what, work());
      return true;
    } catch (const Error& e) {
      add(what, std::string("no: ") + e.what());
      return false;
    }
  }

  void look_at_engine() {
    ask("engine", [&] {
      const Plan plan(graph_);
      return fmt::format("yes, {} steps, {}", plan.steps().size(), isa_name(plan.isa()));
    });
    std::vector<std::string> recurrent, stateful;
    for (const Node& node : graph_.nodes) {
      if (is_recurrent(node.op)) recurrent.push_back(node.name);
      if (keeps_state(node.op)) stateful.push_back(node.name);
    }
    if (!recurrent.empty()) find("recurrent", listed(recurrent));
    if (!stateful.empty()) find("depends_on_history", listed(stateful));
  }

  /// The network's input as commands make it of frames, images in inputs of their own joined. Throws Error for other inputs.
  TensorView camera_input() const {
    const Graph joined = join_image_inputs(graph_);
    const Value& input = joined.value(joined.inputs[0]);
    required_images(input.shape);
    return {.name = input.name, .shape = input.shape};
  }

  void look_at_frames() {
    const Value& input = graph_.value(graph_.inputs[0]);
    const Preprocessing& p = graph_.preprocessing;
    TensorView view;
    try {
      view = camera_input();
    } catch (const Error& e) {
      add("camera frames", std::string("no: ") + e.what());
      return find("no_camera_image", input.name);
    }
    const InputImages images = required_images(view.shape);
    const int height = images.height, width = images.width;
    const bool fits = ask("camera frames", [&] {
      FrameInput(p, view, kCameraHeight, kCameraWidth, Isa::reference);
      const std::string rows = p.crop_bottom == 0 ? "all rows" : fmt::format("rows {}:{}", p.crop_top, p.crop_bottom);
      const std::vector<int> back = frames_back(p, images);
      return fmt::format("yes, {}x{}: {}, {}x{}, {}{}", kCameraWidth, kCameraHeight, rows, width, height, color_name(p.color),
                         back == std::vector{0} ? "" : "; " + text_of(images, back));
    });
    if (!fits) find("no_camera_size", fmt::format("{}x{} for frames of {}x{}", width, height, kCameraWidth, kCameraHeight));
    const bool raw = std::ranges::all_of(p.scale, [](float s) { return s == 1; }) &&
                     std::ranges::all_of(p.offset, [](float o) { return o == 0; });
    if (raw && !scales_pixels_) find("raw_pixels", "pixels reach '" + input.name + "' as 0 … 255");
  }

  void look_at_outputs() {
    std::vector<std::string> outputs;
    for (const OutputMeaning& m : graph_.meaning)
      outputs.push_back(fmt::format("{}{}{} ({} … {})", m.name, m.unit.empty() ? "" : " ", m.unit, m.min, m.max));
    if (graph_.meaning.empty()) {
      add("commands", fmt::format("{} numbers without a name", result_count(graph_)));
      find("unnamed_outputs", fmt::format("{} outputs", result_count(graph_)));
    } else {
      add("commands", listed(outputs));
    }
    const auto named = [&](const char* name) { return std::ranges::find(graph_.meaning, name, &OutputMeaning::name); };
    const bool drives = named("v") != graph_.meaning.end() && named("w") != graph_.meaning.end();
    add("drive, brain", drives                 ? "yes"
                        : drives_carla(graph_) ? "brain alone, for CARLA: there are no outputs v and w"
                                               : "no: there are no outputs v and w");
    if (!graph_.meaning.empty() && !drives) find("no_v_w", listed(outputs));
    if (drives && named("v")->min == 0 && named("v")->max == 1) find("unscaled_outputs", "v from 0 to 1 m/s");
  }

  void look_at_files() {
    const auto size = [](const auto& bytes) { return "yes, " + megabytes(bytes.size()) + " MB"; };
    if (!ask(".tflite", [&] { return size(to_tflite(graph_)); })) find("tflite_refuses", diagnosis_.abilities.back().answer);
    if (!ask(".onnx", [&] { return size(to_onnx(graph_)); })) find("onnx_refuses", diagnosis_.abilities.back().answer);
    ask(".slim", [&] { return size(to_slim(graph_)); });
  }

  /// How many layers a technique makes integer; returns which it does not, by kind.
  std::string look_at_integers(const char* technique, ElementType activations) {
    std::map<std::string, std::vector<std::string>> real;
    size_t count = 0;
    for (const Node& node : graph_.nodes) {
      if (has_integer_kernel(node.op, activations)) continue;
      const auto* activation = std::get_if<Activation>(&node.op);
      real[std::string(activation ? activation_name(activation->kind) : op_name(node.op))].push_back(node.name);
      ++count;
    }
    std::string kinds;
    for (const auto& [kind, nodes] : real) kinds += fmt::format("{}{} ({})", kinds.empty() ? "" : ", ", kind, listed(nodes));
    const size_t all = graph_.nodes.size();
    add(technique, count == 0 ? fmt::format("all {} layers in integers", all)
                              : fmt::format("{} of {} layers in integers; in real numbers: {}", all - count, all, kinds));
    return kinds;
  }

  void look_at_techniques() {
    const auto is_real = [](const Value& v) { return v.type == ElementType::f32 || v.type == ElementType::f16; };
    for (const Node& node : graph_.nodes)
      if (!is_real(graph_.value(node.output))) {
        add("optimize", "no: it computes in integers already");
        return find("is_integer", node.name);
      }
    size_t weights = 0;
    std::vector<std::string> small;
    for (const Node& node : graph_.nodes) {
      if (weight_uses(node).empty() || std::holds_alternative<DepthwiseConv2D>(node.op)) continue;
      ++weights;
      if (!gets_integer_weights(graph_, node)) small.push_back(node.name);
    }
    add("dynamic_range", fmt::format("{} of {} layers with integer weights", weights - small.size(), weights));
    if (2 * small.size() > weights) find("small_weights", listed(small));
    const std::string narrow = look_at_integers("int8_only", ElementType::s8);
    const std::string wide = look_at_integers("int16x8", ElementType::s16);
    if (!narrow.empty()) find("real_layers", narrow);
    if (wide != narrow) find("real_layers", "with int16 activations " + wide);
  }

  void look_at_weights() {
    constexpr size_t kLarge = size_t{1} << 20;
    constexpr double kManyZeros = .3;
    size_t all = 0, largest = 0, zeros = 0, elements = 0;
    std::string name;
    for (const ValueId id : weights_of(graph_)) {
      const Value& weight = graph_.value(id);
      const WeightStatistics s = weight_statistics(weight);
      zeros += s.zeros, elements += s.elements, all += weight.data.size();
      if (weight.data.size() > largest) largest = weight.data.size(), name = weight.name;
    }
    if (largest > kLarge && 2 * largest > all)
      find("large_layer", fmt::format("{}: {} of {} MB", name, megabytes(largest), megabytes(all)));
    if (static_cast<double>(zeros) > kManyZeros * static_cast<double>(elements))
      find("zeros_take_place", fmt::format("{} % of the weights are zero", 100 * zeros / elements));
  }

  const bool scales_pixels_;
  const Graph graph_;
  Diagnosis diagnosis_;
};

}  // namespace

Diagnosis diagnose(const Graph& graph) { return Doctor(graph).run(); }

}  // namespace slimpilot
