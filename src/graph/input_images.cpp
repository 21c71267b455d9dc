// SPDX-License-Identifier: Apache-2.0
#include "graph/input_images.h"

#include "base/error.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

constexpr int kColors = 3;

}  // namespace

std::optional<InputImages> input_images(const Shape& shape) {
  if (shape.empty() || shape[0] != 1) return std::nullopt;
  if (shape.size() == 4 && shape[3] % kColors == 0)
    return InputImages{shape[3] / kColors, shape[1], shape[2], shape[3] > kColors};
  if (shape.size() == 5 && shape[4] == kColors) return InputImages{shape[1], shape[2], shape[3], false};
  return std::nullopt;
}

InputImages required_images(const Shape& shape) {
  const auto images = input_images(shape);
  if (!images)
    throw Error(
        "the network's input is " + shape_text(shape) +
        "; only images of three channels, several of them as channels or as a sequence, can be made from camera frames");
  if (images->count > kMostFramesBack + 1)
    throw Error("the network's input holds " + std::to_string(images->count) + " images; at most " +
                std::to_string(kMostFramesBack + 1) + " can be made from camera frames");
  return *images;
}

std::vector<int> frames_back(const Preprocessing& preprocessing, const InputImages& images) {
  if (!preprocessing.frames_back.empty()) return preprocessing.frames_back;
  std::vector<int> back;
  for (int i = images.count - 1; i >= 0; --i) back.push_back(i);
  return back;
}

bool sees_earlier_frames(const Graph& graph) {
  const auto images = input_images(graph.value(graph.inputs[0]).shape);
  return images && frames_back(graph.preprocessing, *images) != std::vector{0};
}

void verify_frames_back(const Graph& graph) {
  const std::vector<int>& back = graph.preprocessing.frames_back;
  if (back.empty()) return;
  for (const int frames : back)
    if (frames < 0 || frames > kMostFramesBack)
      throw Error("the preprocessing takes an image " + std::to_string(frames) + " frames back; it must be 0 to " +
                  std::to_string(kMostFramesBack));
  const Shape& shape = graph.value(graph.inputs[0]).shape;
  const auto images = input_images(shape);
  if (!images || images->count != std::ssize(back))
    throw Error("the preprocessing names " + std::to_string(back.size()) + " image(s), but the network's input is " +
                shape_text(shape));
}

Graph join_image_inputs(Graph graph) {
  if (graph.inputs.size() == 1) return graph;
  const Value first = graph.value(graph.inputs[0]);
  const int count = static_cast<int>(graph.inputs.size());
  const auto images = input_images(first.shape);
  for (const ValueId id : graph.inputs) {
    const Value& input = graph.value(id);
    const bool alike = input.shape == first.shape && input.type == first.type && input.quantization == first.quantization;
    if (!alike || !images || images->count != 1)
      throw Error("the network has " + std::to_string(count) + " inputs, of which '" + input.name + "' is " +
                  shape_text(input.shape) +
                  "; several inputs can be made from frames only if each is a colour image of one size");
  }
  const int h = images->height, w = images->width;
  const auto add = [&](std::string name, Shape shape) {
    const ValueId id = add_value(graph, std::move(name), std::move(shape), first.type);
    graph.value(id).quantization = first.quantization;
    return id;
  };
  const ValueId sequence = add("camera_frames", {1, count, h, w, kColors}),
                rows = add("camera_frames/rows", {1, count * h, w, kColors});
  std::vector<Node> nodes{{"camera_frames/rows", Reshape{{1, count * h, w, kColors}}, {sequence}, rows}};
  for (int i = 0; i < count; ++i) {
    const ValueId image = graph.inputs[static_cast<size_t>(i)];
    nodes.push_back({graph.value(image).name, Crop2D{.top = i * h, .bottom = (count - 1 - i) * h}, {rows}, image});
  }
  graph.nodes.insert(graph.nodes.begin(), nodes.begin(), nodes.end());
  graph.inputs = {sequence};
  verify(graph);
  return graph;
}

std::string text_of(const InputImages& images, const std::vector<int>& frames_back) {
  std::string text = std::to_string(images.count) + (images.count > 1 ? " images" : " image");
  if (images.count > 1) text += images.stacked ? " as channels" : " as a sequence";
  for (size_t i = 0; i < frames_back.size(); ++i)
    text += (i == 0 || i + 1 < frames_back.size() ? ", " : " and ") + std::to_string(frames_back[i]);
  return text + " frames back";
}

}  // namespace slimpilot
