// SPDX-License-Identifier: Apache-2.0
// Before: conv → relu.   After: conv with relu.
// Clamping activations behind a convolution or dense layer become its `activation`; curves (tanh, elu, sigmoid) stay nodes.
#include "graph/edit.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

ActivationKind* activation_field(Op& op) {
  if (auto* conv = std::get_if<Conv2D>(&op)) return &conv->activation;
  if (auto* depthwise = std::get_if<DepthwiseConv2D>(&op)) return &depthwise->activation;
  if (auto* dense = std::get_if<Dense>(&op)) return &dense->activation;
  return nullptr;
}

}  // namespace

Graph fuse_activation(Graph graph) {
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto* activation = std::get_if<Activation>(&graph.nodes[i].op);
    if (activation == nullptr || !is_clamp(activation->kind)) continue;
    const ValueId input = graph.nodes[i].inputs[0];
    const int producer = producer_of(graph, input);
    if (producer < 0 || consumers_of(graph, input).size() != 1 || is_output(graph, input)) continue;
    Node& layer = graph.nodes[static_cast<size_t>(producer)];
    ActivationKind* field = activation_field(layer.op);
    if (field == nullptr || *field != ActivationKind::none) continue;
    *field = activation->kind;
    layer.output = graph.nodes[i].output;
    graph.nodes.erase(graph.nodes.begin() + static_cast<ptrdiff_t>(i--));
  }
  remove_unused(graph);
  return graph;
}

}  // namespace slimpilot
