// SPDX-License-Identifier: Apache-2.0
// Graph → ONNX file. Images become channels first, as runtimes are fastest with; what is flattened in front of dense layers
// stays so, and the weights follow. Integer layers become DequantizeLinear, the layer of real numbers, QuantizeLinear (explicit
// quantization), weights int8 behind a DequantizeLinear per output. What the operators become is in onnx_write_*.cpp.
#include "base/error.h"
#include "formats/formats.h"
#include "formats/metadata.h"
#include "formats/onnx_layout.h"
#include "formats/onnx_writing.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

OnnxValueInfo info(const std::string& name, const Value& v, const Shape& shape) {
  return {.name = name, .type = onnx_type(v.type), .dims = onnx_integers(shape)};
}

void add_inputs(OnnxWriting& writing) {
  const Graph& graph = writing.graph;
  for (const ValueId id : graph.outputs)
    if (!writing.names.insert(graph.value(id).name).second)
      throw Error("two outputs are named '" + graph.value(id).name + "'; give each its own name");
  for (const ValueId id : graph.inputs) {
    const Value& v = graph.value(id);
    if (is_output(graph, id)) throw Error("input '" + v.name + "' is an output too; there is nothing to compute");
    const std::string name = writing.stored[id] = writing.unique(v.name);
    writing.model.inputs.push_back(info(name, v, is_image(v.shape) ? permuted_shape(v.shape, channels_first(4)) : v.shape));
  }
}

/// Images that are results come channels last, so that their numbers stand in the graph's order.
void add_outputs(OnnxWriting& writing) {
  for (const ValueId id : writing.graph.outputs) {
    const Value& v = writing.graph.value(id);
    if (is_image(v.shape))
      writing.add_node("Transpose", v.name + "/channels_last", {writing.stored.at(id)}, {v.name},
                       {onnx_attribute("perm", onnx_integers(channels_last(4)))});
    writing.model.outputs.push_back(info(v.name, v, v.shape));
  }
}

void write_nodes(OnnxWriting& writing) {
  for (const Node& node : writing.graph.nodes) {
    OnnxNodeWriter writer(writing, node);
    std::visit([&](const auto& op) { write_onnx_op(writer, op); }, node.op);
  }
}

bool is_wide(const Graph& graph) {
  for (const Node& node : graph.nodes)
    for (const ValueId id : {node.output, node.inputs[0]})
      if (graph.value(id).type == ElementType::s16) return true;
  return false;
}

}  // namespace

std::string to_onnx(const Graph& graph) {
  verify(graph);
  OnnxWriting writing{.graph = graph};
  add_inputs(writing);
  write_nodes(writing);
  add_outputs(writing);
  OnnxModel& model = writing.model;
  model.ir_version = is_wide(graph) ? 10 : 8;
  model.opsets = {{.domain = "", .version = is_wide(graph) ? 21 : 13}};  // 16 bits are quantized since 21
  model.producer = "slimpilot";
  model.name = graph.name.empty() ? "network" : graph.name;
  model.properties = {{.key = kMetadataName, .value = metadata_of(graph)}};
  return to_bytes(model);
}

}  // namespace slimpilot
