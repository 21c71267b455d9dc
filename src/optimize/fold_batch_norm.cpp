// SPDX-License-Identifier: Apache-2.0
// Before: conv → BatchNorm, or BatchNorm → valid conv.   After: one conv with other weights and bias.
// y = s·x + t with s = γ/√(σ² + ε), t = β − s·μ (Ioffe, Szegedy 2015). Behind a layer: w' = s·w, b' = s·b + t. In front of a
// `valid` convolution or a dense layer: w' = w·s per input channel, b' = b + Σ w·t. A `same` convolution pads with zeros after
// the normalisation, so t cannot go into its bias; there it becomes a depthwise 1×1 convolution (of a sequence: of its frames;
// other ranks: Mul and Add).
#include <cmath>

#include "graph/edit.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

/// y = scale·x + shift per channel.
struct Affine {
  std::vector<double> scale, shift;
};

Affine affine_of(const Graph& graph, const Node& node) {
  const auto vector = [&](size_t i) { return constant_as_floats(graph.value(node.inputs[i])); };
  const auto gamma = vector(1), beta = vector(2), mean = vector(3), variance = vector(4);
  Affine affine;
  for (size_t c = 0; c < gamma.size(); ++c) {
    affine.scale.push_back(gamma[c] / std::sqrt(static_cast<double>(variance[c]) + std::get<BatchNorm>(node.op).epsilon));
    affine.shift.push_back(beta[c] - affine.scale[c] * mean[c]);
  }
  return affine;
}

std::vector<float> to_floats(const std::vector<double>& x) { return {x.begin(), x.end()}; }

/// Replaces weights and bias of `node` by new constants (they may be shared with other nodes).
void set_weights(Graph& graph, Node& node, const std::vector<float>& weights, const std::vector<float>& bias) {
  const Value w = graph.value(node.inputs[1]), b = graph.value(node.inputs[2]);
  node.inputs[1] = add_constant(graph, w.name, w.shape, weights);
  node.inputs[2] = add_constant(graph, b.name, b.shape, bias);
}

void fold_backward(Graph& graph, Node& node, const Affine& affine) {
  auto w = constant_as_floats(graph.value(node.inputs[1])), b = constant_as_floats(graph.value(node.inputs[2]));
  const bool depthwise = std::holds_alternative<DepthwiseConv2D>(node.op);
  const size_t channels = affine.scale.size(), per_channel = w.size() / channels;
  for (size_t i = 0; i < w.size(); ++i)
    w[i] = static_cast<float>(w[i] * affine.scale[depthwise ? i % channels : i / per_channel]);
  for (size_t c = 0; c < channels; ++c) b[c] = static_cast<float>(b[c] * affine.scale[c] + affine.shift[c]);
  set_weights(graph, node, w, b);
}

void fold_forward(Graph& graph, Node& node, const Affine& affine) {
  auto w = constant_as_floats(graph.value(node.inputs[1])), b = constant_as_floats(graph.value(node.inputs[2]));
  const size_t channels = affine.scale.size(), per_output = w.size() / b.size();
  for (size_t o = 0; o < b.size(); ++o) {
    double bias = b[o];
    for (size_t i = o * per_output; i < (o + 1) * per_output; ++i) {
      bias += w[i] * affine.shift[i % channels];
      w[i] = static_cast<float>(w[i] * affine.scale[i % channels]);
    }
    b[o] = static_cast<float>(bias);
  }
  set_weights(graph, node, w, b);
}

bool is_linear_layer(const Op& op) {
  const auto linear = [](const auto* o) { return o != nullptr && o->activation == ActivationKind::none; };
  return linear(std::get_if<Conv2D>(&op)) || linear(std::get_if<DepthwiseConv2D>(&op)) || linear(std::get_if<Dense>(&op));
}

bool takes_shift(const Op& op) {
  const auto* conv = std::get_if<Conv2D>(&op);
  return std::holds_alternative<Dense>(op) || (conv != nullptr && conv->padding == Padding::valid);
}

void lower_to_depthwise(Graph& graph, Node& node, const Affine& affine) {
  const int channels = static_cast<int>(affine.scale.size());
  const ValueId w = add_constant(graph, node.name + "/scale", {1, 1, 1, channels}, to_floats(affine.scale));
  const ValueId b = add_constant(graph, node.name + "/shift", {channels}, to_floats(affine.shift));
  node.op = DepthwiseConv2D{};
  node.inputs = {node.inputs[0], w, b};
}

/// A sequence [1,T,H,W,C] as a batch of frames, and back: `index` is that of the node that computes on images.
void put_frames_around(Graph& graph, size_t index) {
  Node& node = graph.nodes[index];
  const Shape sequence = graph.value(node.output).shape;
  const Shape images(sequence.begin() + 1, sequence.end());
  Node before{node.name + "/frames", Reshape{images}, {node.inputs[0]}, add_value(graph, node.name + "/frames", images)};
  Node after{node.name + "/sequence", Reshape{sequence}, {}, node.output};
  node.inputs[0] = before.output;
  node.output = add_value(graph, node.name + "/images", images);
  after.inputs = {node.output};
  const auto place = graph.nodes.begin() + static_cast<ptrdiff_t>(index);
  graph.nodes.insert(graph.nodes.insert(place + 1, std::move(after)) - 1, std::move(before));
}

/// The BatchNorm as ops that every runtime has: 1×1 depthwise on images, Mul and Add elsewhere.
void lower(Graph& graph, size_t index, const Affine& affine) {
  Node& node = graph.nodes[index];
  const Shape shape = graph.value(node.output).shape;
  const int channels = shape.back();
  if (shape.size() == 4) return lower_to_depthwise(graph, node, affine);
  if (shape.size() == 5 && shape[0] == 1) {
    lower_to_depthwise(graph, node, affine);
    return put_frames_around(graph, index);
  }
  std::vector<float> scale, shift;
  for (int64_t i = 0; i < element_count(shape); ++i) {
    scale.push_back(static_cast<float>(affine.scale[static_cast<size_t>(i % channels)]));
    shift.push_back(static_cast<float>(affine.shift[static_cast<size_t>(i % channels)]));
  }
  Node product{
      node.name + "/scaled", Mul{}, {node.inputs[0], add_constant(graph, node.name + "/scale", shape, scale)}, kNoValue};
  product.output = add_value(graph, product.name, shape);
  node.op = Add{};
  node.inputs = {product.output, add_constant(graph, node.name + "/shift", shape, shift)};
  graph.nodes.insert(graph.nodes.begin() + static_cast<ptrdiff_t>(index), std::move(product));
}

}  // namespace

Graph fold_batch_norm(Graph graph) {
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!std::holds_alternative<BatchNorm>(graph.nodes[i].op)) continue;
    const Affine affine = affine_of(graph, graph.nodes[i]);
    const ValueId input = graph.nodes[i].inputs[0], output = graph.nodes[i].output;
    const int producer = producer_of(graph, input);
    const auto readers = consumers_of(graph, output);
    const bool only_reader = consumers_of(graph, input).size() == 1 && !is_output(graph, input);
    if (producer >= 0 && only_reader && is_linear_layer(graph.nodes[static_cast<size_t>(producer)].op)) {
      Node& layer = graph.nodes[static_cast<size_t>(producer)];
      fold_backward(graph, layer, affine);
      layer.output = output;
      graph.nodes.erase(graph.nodes.begin() + static_cast<ptrdiff_t>(i--));
    } else if (readers.size() == 1 && !is_output(graph, output) &&
               takes_shift(graph.nodes[static_cast<size_t>(readers[0])].op)) {
      fold_forward(graph, graph.nodes[static_cast<size_t>(readers[0])], affine);
      replace_uses(graph, output, input);
      graph.nodes.erase(graph.nodes.begin() + static_cast<ptrdiff_t>(i--));
    } else {
      lower(graph, i, affine);
    }
  }
  remove_unused(graph);
  return graph;
}

}  // namespace slimpilot
