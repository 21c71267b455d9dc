// SPDX-License-Identifier: Apache-2.0
// Nodes that move elements as ONNX operators, which see images channels first.
#include "formats/onnx_layout.h"
#include "formats/onnx_writing.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

/// Whether an image becomes one row that dense layers alone read, with nothing but functions of single elements between.
bool flattens_for_dense(const OnnxNodeWriter& n) {
  const Shape &x = n.input(0).shape, &y = n.output().shape;
  if (!is_image(x) || y.size() != 2 || y[0] != 1) return false;
  std::vector<ValueId> open{n.node().output};
  while (!open.empty()) {
    const ValueId id = open.back();
    open.pop_back();
    if (is_output(n.graph(), id)) return false;
    for (const int i : consumers_of(n.graph(), id)) {
      const Node& reader = n.graph().nodes[static_cast<size_t>(i)];
      const bool passes = std::holds_alternative<Activation>(reader.op) || std::holds_alternative<Quantize>(reader.op) ||
                          std::holds_alternative<Dequantize>(reader.op);
      if (!passes && !std::holds_alternative<Dense>(reader.op)) return false;
      if (passes) open.push_back(reader.output);
    }
  }
  return true;
}

/// Rows, which are then turned to channels first.
void write_image(OnnxNodeWriter& n, const std::string& x, const std::string& shape) {
  OnnxWriting& w = n.writing();
  const std::string& name = n.output().name;
  const bool is_named = n.output().type == ElementType::f32 && !is_output(n.graph(), n.node().output);
  const std::string rows = w.unique(is_named ? name : name + "/rows");  // the tensor that has the value's shape has its name
  const std::string result = is_named ? w.stored[n.node().output] = w.unique(name + "/channels_first") : n.begin_output();
  w.add_node("Reshape", n.node().name, {x, shape}, {rows});
  w.add_node("Transpose", n.node().name + "/channels_first", {rows}, {result},
             {onnx_attribute("perm", onnx_integers(channels_first(4)))});
  n.end_output(result);
}

/// Whether everything is int8 of one quantization, and moved as it is: between DequantizeLinear and QuantizeLinear OpenVINO
/// 2026.4 pads and joins wrongly when a convolution reads the result. int16 is not, as ONNX Runtime 1.32 does not pad it.
bool moves_integers(const OnnxNodeWriter& n) {
  if (n.output().type != ElementType::s8) return false;
  for (size_t i = 0; i < n.node().inputs.size(); ++i)
    if (n.input(i).quantization != n.output().quantization) return false;
  return true;
}

}  // namespace

void write_onnx_op(OnnxNodeWriter& n, const Reshape& op) {
  OnnxWriting& w = n.writing();
  std::string x = n.real(0);
  if (flattens_for_dense(n)) {
    w.channel_order.insert(n.node().output);
    return n.finish("Flatten", {x}, {onnx_attribute("axis", int64_t{1})});
  }
  if (is_image(n.input(0).shape)) {
    const std::string turned = w.unique(n.output().name + "/channels_last");
    w.add_node("Transpose", turned, {x}, {turned}, {onnx_attribute("perm", onnx_integers(channels_last(4)))});
    x = turned;
  }
  const std::string shape = w.add_numbers(n.node().name + "/shape", onnx_integers(op.shape));
  if (is_image(op.shape)) return write_image(n, x, shape);
  n.finish("Reshape", {x, shape});
}

void write_onnx_op(OnnxNodeWriter& n, const Crop2D& op) {
  const Shape& x = n.input(0).shape;
  const std::string& name = n.node().name;
  const std::string starts = n.writing().add_numbers(name + "/starts", {op.top, op.left}),
                    ends = n.writing().add_numbers(name + "/ends", {x[1] - op.bottom, x[2] - op.right});
  n.finish("Slice", {n.real(0), starts, ends, n.writing().add_numbers(name + "/axes", {2, 3})});
}

void write_onnx_op(OnnxNodeWriter& n, const Pad2D& op) {
  const std::string& name = n.node().name;
  const std::string pads = n.writing().add_numbers(name + "/pads", {0, 0, op.top, op.left, 0, 0, op.bottom, op.right});
  if (!moves_integers(n)) return n.finish("Pad", {n.real(0), pads});
  const std::string zero = n.writing().scale_and_zero(name, n.output()).second;
  n.finish_stored("Pad", {n.writing().stored.at(n.node().inputs[0]), pads, zero}, {});
}

void write_onnx_op(OnnxNodeWriter& n, const Concat& op) {
  const bool is_stored = moves_integers(n);
  std::vector<std::string> inputs;
  for (size_t i = 0; i < n.node().inputs.size(); ++i) {
    if (n.input(i).is_constant()) n.fail("joins a constant");
    inputs.push_back(is_stored ? n.writing().stored.at(n.node().inputs[i]) : n.real(i));
  }
  const int axis = is_image(n.output().shape) ? channels_last(4)[static_cast<size_t>(op.axis)] : op.axis;
  const OnnxAttributes attributes{onnx_attribute("axis", int64_t{axis})};
  if (is_stored) return n.finish_stored("Concat", std::move(inputs), attributes);
  n.finish("Concat", std::move(inputs), attributes);
}

void write_onnx_op(OnnxNodeWriter& n, const Permute& op) {
  std::vector<int> order = op.order;
  if (is_image(n.input(0).shape))
    order = permuted_shape(inverse(channels_first(4)), permuted_shape(op.order, channels_first(4)));
  n.finish("Transpose", {n.real(0)}, {onnx_attribute("perm", onnx_integers(order))});
}

}  // namespace slimpilot
