// SPDX-License-Identifier: Apache-2.0
// How the camera images that a network sees at once lie in its input, and which of the frames they are.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace slimpilot {

/// `count` images of three channels: behind each other as channels [1,H,W,3·count], or as a sequence [1,count,H,W,3].
struct InputImages {
  int count = 1, height = 0, width = 0;
  bool stacked = false;  // as channels
  bool operator==(const InputImages&) const = default;
};

/// Nothing for an input that is not made of colour images.
std::optional<InputImages> input_images(const Shape& shape);
/// The same; throws Error for such an input.
InputImages required_images(const Shape& shape);

/// How far back an image may lie, in frames.
inline constexpr int kMostFramesBack = 255;

/// How many frames before the newest each of the images is: what the preprocessing says, else consecutive frames of which the
/// newest is last.
std::vector<int> frames_back(const Preprocessing& preprocessing, const InputImages& images);

/// Whether frames before the newest are among the images of the network's first input.
bool sees_earlier_frames(const Graph& graph);

/// Throws Error when the preprocessing names images that the graph's input does not have, or frames too far back.
void verify_frames_back(const Graph& graph);

/// A network that takes one camera image in each of several inputs takes them as a sequence in one, the first input's first;
/// one with a single input stays as it is. Throws Error for inputs that are not images of one shape and type.
Graph join_image_inputs(Graph graph);

/// "3 images as a sequence, 9, 5 and 0 frames back"
std::string text_of(const InputImages& images, const std::vector<int>& frames_back);

}  // namespace slimpilot
