// SPDX-License-Identifier: Apache-2.0
// Nodes that compute element by element as ONNX operators: activations, arithmetic, and the change between real numbers and
// integers.
#include "formats/onnx_constant.h"
#include "formats/onnx_layout.h"
#include "formats/onnx_writing.h"

namespace slimpilot {
namespace {

/// The second operand of a sum or product, in the file's order; what is repeated gets the dimensions in which it is.
std::string second(OnnxNodeWriter& n) {
  const Shape &all = n.input(0).shape, &part = n.input(1).shape;
  const bool alike = part.size() == all.size() || element_count(part) == 1 || !is_image(all);
  if (!n.input(1).is_constant()) {
    if (!alike) n.fail("repeats a tensor of " + shape_text(part) + " over an image; give it the image's dimensions");
    return n.real(1);
  }
  if (!is_image(all) || element_count(part) == 1) return n.real(1);
  Value constant = n.input(1);
  if (constant.quantization && constant.quantization->axis >= 0) n.fail("a constant has several scales");
  constant.shape.insert(constant.shape.begin(), all.size() - part.size(), 1);
  return n.writing().add_real_constant(
      permuted(constant, constant.shape, channels_first(4), permuted_shape(constant.shape, channels_first(4))));
}

void write_pair(OnnxNodeWriter& n, const char* kind) {
  const std::string first = n.real(0);
  n.finish(kind, {first, second(n)});
}

}  // namespace

void write_onnx_op(OnnxNodeWriter& n, const Activation& op) {
  const std::string x = n.real(0), result = n.begin_output();
  n.add_activation(op.kind, n.node().name, x, result);
  n.keep_channel_order();
  n.end_output(result);
}

void write_onnx_op(OnnxNodeWriter& n, const LeakyRelu& op) {
  n.finish("LeakyRelu", {n.real(0)}, {onnx_attribute("alpha", op.alpha)});
}

void write_onnx_op(OnnxNodeWriter& n, const Softmax&) {
  const int64_t axis = is_image(n.input(0).shape) ? 1 : -1;
  n.finish("Softmax", {n.real(0)}, {onnx_attribute("axis", axis)});
}

void write_onnx_op(OnnxNodeWriter& n, const Add&) { write_pair(n, "Add"); }
void write_onnx_op(OnnxNodeWriter& n, const Mul&) { write_pair(n, "Mul"); }

void write_onnx_op(OnnxNodeWriter& n, const Quantize&) {
  n.keep_channel_order();
  n.end_output(n.real(0));
}

void write_onnx_op(OnnxNodeWriter& n, const Dequantize&) {
  n.keep_channel_order();
  const auto [scale, zero] = n.writing().scale_and_zero(n.input(0).name + "/dequantize", n.input(0));
  const std::string result = n.begin_output();
  n.writing().add_node("DequantizeLinear", n.node().name, {n.writing().stored.at(n.node().inputs[0]), scale, zero}, {result});
}

}  // namespace slimpilot
