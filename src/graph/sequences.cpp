// SPDX-License-Identifier: Apache-2.0
#include "graph/sequences.h"

#include <algorithm>

#include "base/error.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

Shape sequence_shape(const Graph& graph, const std::string& name, ValueId id, size_t least_rank, size_t most_rank) {
  const Shape& shape = graph.value(id).shape;
  if (shape.size() < least_rank || shape.size() > most_rank || shape[0] != 1)
    throw Error("layer '" + name + "': gets " + shape_text(shape) + " but needs one sequence of " +
                (least_rank == 5 ? "images" : "vectors or images"));
  return shape;
}

/// Every `stride`-th of the frames [1,T,H·W,C] from `first` on, `count` of them, as images [count,H,W,C].
ValueId append_every(Graph& graph, const std::string& name, ValueId rows, const Shape& image, int first, int stride,
                     int count) {
  const Shape all = graph.value(rows).shape;
  // Groups of `stride` frames, of which the first is kept: the last group may lack the others.
  const int whole = std::min(all[1], first + count * stride), missing = first + count * stride - whole;
  ValueId id = rows;
  if (missing > 0) id = append_node(graph, name + "/padded", Pad2D{.bottom = missing}, {id});
  if (first > 0 || whole < all[1]) id = append_node(graph, name + "/cut", Crop2D{.top = first, .bottom = all[1] - whole}, {id});
  if (stride > 1) {
    id = append_node(graph, name + "/groups", Reshape{{1, count, stride * all[2], all[3]}}, {id});
    id = append_node(graph, name + "/every", Crop2D{.right = (stride - 1) * all[2]}, {id});
  }
  return append_node(graph, name, Reshape{{count, image[0], image[1], image[2]}}, {id});
}

/// [KT,KH,KW,C,O] → [O,KH,KW,KT·C].
ValueId add_image_kernel(Graph& graph, ValueId kernel) {
  const Value k = graph.value(kernel);
  const std::vector<float> from = constant_as_floats(k);
  const auto extent = [&](size_t d) { return static_cast<size_t>(k.shape[d]); };
  const size_t window = extent(1) * extent(2), channels = extent(3), outputs = extent(4);
  std::vector<float> to(from.size());
  for (size_t t = 0; t < extent(0); ++t)
    for (size_t cell = 0; cell < window; ++cell)
      for (size_t c = 0; c < channels; ++c)
        for (size_t o = 0; o < outputs; ++o)
          to[((o * window + cell) * extent(0) + t) * channels + c] = from[((t * window + cell) * channels + c) * outputs + o];
  return add_constant(graph, k.name, {k.shape[4], k.shape[1], k.shape[2], k.shape[0] * k.shape[3]}, to);
}

}  // namespace

ValueId append_frames(Graph& graph, const std::string& name, ValueId sequence) {
  const Shape shape = sequence_shape(graph, name, sequence, 3, 5);
  return append_node(graph, name, Reshape{{shape.begin() + 1, shape.end()}}, {sequence});
}

ValueId append_sequence(Graph& graph, const std::string& name, ValueId frames) {
  Shape shape = graph.value(frames).shape;
  shape.insert(shape.begin(), 1);
  return append_node(graph, name, Reshape{shape}, {frames});
}

ValueId append_conv3d(Graph& graph, const std::string& name, const Conv3D& op, ValueId sequence, ValueId kernel, ValueId bias) {
  const Shape x = sequence_shape(graph, name, sequence, 5, 5), w = graph.value(kernel).shape;
  if (w.size() != 5 || !graph.value(kernel).is_constant() || op.stride_t < 1)
    throw Error("layer '" + name + "': a 3-D convolution needs a constant kernel of 5 dimensions and a positive stride");
  const PaddedExtent time = padded_extent(x[1], w[0], op.stride_t, op.conv.padding);
  if (time.output < 1)
    throw Error("layer '" + name + "': a window of " + std::to_string(w[0]) + " frames does not fit into " +
                std::to_string(x[1]));
  ValueId rows = append_node(graph, name + "/rows", Reshape{{1, x[1], x[2] * x[3], x[4]}}, {sequence});
  if (time.before + time.after > 0)
    rows = append_node(graph, name + "/time_padded", Pad2D{.top = time.before, .bottom = time.after}, {rows});
  std::vector<ValueId> frames;
  for (int t = 0; t < w[0]; ++t)
    frames.push_back(
        append_every(graph, name + "/frame" + std::to_string(t), rows, {x[2], x[3], x[4]}, t, op.stride_t, time.output));
  const ValueId windows = frames.size() == 1 ? frames[0] : append_node(graph, name + "/windows", Concat{3}, frames);
  return append_node(graph, name, op.conv, {windows, add_image_kernel(graph, kernel), bias});
}

ValueId append_pool3d(Graph& graph, const std::string& name, const Pool2D& pool, int window_t, int stride_t, ValueId sequence) {
  const Shape x = sequence_shape(graph, name, sequence, 5, 5);
  const ValueId pooled = append_node(graph, name + "/images", pool, {append_frames(graph, name + "/frames", sequence)});
  const Shape image = graph.value(pooled).shape;
  int times = x[1];
  ValueId result = pooled;
  if (window_t > 1 || stride_t > 1) {
    const Pool2D over_time{pool.kind, window_t, 1, stride_t, 1, pool.padding};
    result = append_node(graph, name + "/rows", Reshape{{1, times, image[1] * image[2], image[3]}}, {pooled});
    result = append_node(graph, name + "/time", over_time, {result});
    times = graph.value(result).shape[1];
  }
  return append_node(graph, name, Reshape{{1, times, image[1], image[2], image[3]}}, {result});
}

}  // namespace slimpilot
