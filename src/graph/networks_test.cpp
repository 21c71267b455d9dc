// SPDX-License-Identifier: Apache-2.0
// The networks by name, and how many images their inputs take.
#include "graph/networks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "base/error.h"
#include "graph/edit.h"
#include "graph/input_images.h"

namespace slimpilot {
namespace {

void expect_error(const std::function<void()>& work, const std::string& part) {
  try {
    work();
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string_view(error.what()).find(part), std::string_view::npos)
        << "'" << part << "' is not in: " << error.what();
  }
}

TEST(InputImages, OfSeveralInputsBecomeASequence) {
  Graph graph;
  const ValueId a = add_value(graph, "a", {1, 2, 4, 3}), b = add_value(graph, "b", {1, 2, 4, 3});
  graph.inputs = {a, b};
  graph.outputs = {append_node(graph, "joined", Concat{3}, {a, b})};
  const Graph joined = join_image_inputs(graph);
  EXPECT_EQ(to_text(joined),
            "input camera_frames:f32[1x2x2x4x3]\n"
            "camera_frames/rows:f32[1x4x4x3] = Reshape (camera_frames:f32[1x2x2x4x3])\n"
            "a:f32[1x2x4x3] = Crop2D top 0 bottom 2 left 0 right 0 (camera_frames/rows:f32[1x4x4x3])\n"
            "b:f32[1x2x4x3] = Crop2D top 2 bottom 0 left 0 right 0 (camera_frames/rows:f32[1x4x4x3])\n"
            "joined:f32[1x2x4x6] = Concat axis 3 (a:f32[1x2x4x3], b:f32[1x2x4x3])\n"
            "output joined:f32[1x2x4x6]\n");
  EXPECT_EQ(join_image_inputs(joined), joined);
  Graph scalars;
  scalars.inputs = {add_value(scalars, "x", {1}), add_value(scalars, "y", {1})};
  scalars.outputs = {append_node(scalars, "sum", Add{}, scalars.inputs)};
  expect_error([&] { join_image_inputs(scalars); }, "has 2 inputs, of which 'x' is 1;");
  for (const Shape& other : {Shape{1, 2, 5, 3}, {1, 3}, {1, 2, 4, 6}}) {
    Graph bad = graph;
    bad.value(b).shape = other;
    expect_error([&] { join_image_inputs(bad); }, "'b' is " + shape_text(other));
  }
}

TEST(InputImages, FollowFromTheShape) {
  EXPECT_EQ(input_images({1, 5, 7, 3}), (InputImages{1, 5, 7, false}));
  EXPECT_EQ(input_images({1, 5, 7, 9}), (InputImages{3, 5, 7, true}));
  EXPECT_EQ(input_images({1, 4, 5, 7, 3}), (InputImages{4, 5, 7, false}));
  for (const Shape& shape : {Shape{}, {1, 3}, {1, 5, 7, 4}, {2, 5, 7, 3}, {1, 4, 5, 7, 6}, {1, 1, 4, 5, 7, 3}}) {
    EXPECT_EQ(input_images(shape), std::nullopt) << shape_text(shape);
    EXPECT_THROW(required_images(shape), Error);
  }
  EXPECT_THROW(required_images({1, 257, 5, 7, 3}), Error);
  EXPECT_EQ(text_of({3, 5, 7, true}, {9, 5, 0}), "3 images as channels, 9, 5 and 0 frames back");
  EXPECT_EQ(text_of({1, 5, 7}, {2}), "1 image, 2 frames back");
}

/// All that Keras' summary counts: kernels, biases, and BatchNorm's four vectors.
int64_t parameters(std::string_view name) {
  int64_t count = 0;
  for (const Value& value : make_network(name, 1).values)
    if (value.is_constant()) count += element_count(value.shape);
  return count;
}

TEST(Networks, HaveTheStudysParameters) {
  EXPECT_EQ(parameters("pilotnet"), 1'595'534);
  EXPECT_EQ(parameters("pilotnet_same"), 17'016'206);
  EXPECT_EQ(parameters("deepest_lstm_tiny_pilotnet"), 62'470);
}

/// Counted by hand from the layers; deeppilot has 1,181,697 for each output.
TEST(Networks, HaveDeepLearningStudiosParameters) {
  EXPECT_EQ(parameters("pilotnet_stacked"), 2'028'818);
  EXPECT_EQ(parameters("pilotnet_x3"), 352'958);
  EXPECT_EQ(parameters("pilotnet_x3_conv3d"), 730'766);
  EXPECT_EQ(parameters("memdccp"), 910'694);
  EXPECT_EQ(parameters("deeppilot"), 3'507'682);
  const Graph three = make_network("deeppilot", 1, {.outputs = {{"v"}, {"w"}, {"vz"}}});
  EXPECT_EQ(three.outputs.size(), 3u);
  EXPECT_EQ(three.meaning.size(), 3u);
}

TEST(Networks, SeeTheFramesOfTheirDefinition) {
  const auto seen = [](const char* name) {
    const Graph graph = make_network(name, 1);
    const InputImages images = required_images(graph.value(graph.inputs[0]).shape);
    return text_of(images, frames_back(graph.preprocessing, images));
  };
  EXPECT_EQ(seen("pilotnet"), "1 image, 0 frames back");
  EXPECT_EQ(seen("pilotnet_stacked"), "2 images as channels, 1 and 0 frames back");
  for (const char* name : {"pilotnet_x3", "pilotnet_x3_conv3d", "memdccp"})
    EXPECT_EQ(seen(name), "3 images as a sequence, 9, 5 and 0 frames back");
}

TEST(Networks, DropOnlyBeforeNodesThatTheyHave) {
  for (const auto name : network_names()) {
    const Graph graph = make_network(name, 1);
    for (const DropoutAt& d : network_dropout(name))
      EXPECT_EQ(std::ranges::count(graph.nodes, d.node, &Node::name), 1) << name << ' ' << d.node;
  }
}

TEST(Networks, FollowTheirSeed) {
  for (const auto name : network_names()) {
    EXPECT_EQ(make_network(name, 3), make_network(name, 3));
    EXPECT_NE(make_network(name, 3), make_network(name, 4));
  }
}

TEST(Networks, UnknownNameListsTheKnown) {
  expect_error([] { make_network("resnet", 1); }, "'resnet'");
  for (const auto name : network_names()) expect_error([] { make_network("resnet", 1); }, std::string(name));
}

}  // namespace
}  // namespace slimpilot
