// SPDX-License-Identifier: Apache-2.0
// An ONNX model while the nodes of a graph are added to it, and one of these nodes with what it reads. What the operators
// become is in onnx_write_*.cpp; here is what they have in common.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "formats/onnx_file.h"
#include "graph/graph.h"

namespace slimpilot {

using OnnxAttributes = std::vector<OnnxAttribute>;
OnnxAttribute onnx_attribute(std::string name, int64_t number);
OnnxAttribute onnx_attribute(std::string name, float number);
OnnxAttribute onnx_attribute(std::string name, std::vector<int64_t> numbers);

OnnxType onnx_type(ElementType type);
std::vector<int64_t> onnx_integers(const std::vector<int>& numbers);

/// Of four dimensions; in the file its channels are first.
bool is_image(const Shape& shape);

struct OnnxWriting {
  const Graph& graph;
  OnnxModel model;
  std::deque<Value> constants;  // whose bytes the model's tensors point to
  std::set<std::string> names;
  std::map<ValueId, std::string> stored;  // the tensor that a value is, in its own type
  std::map<ValueId, std::string> reals;   // and as real numbers
  std::set<ValueId> channel_order;        // flattened images whose elements stand channels first
  size_t bytes = 0;

  /// A tensor's name that no other has.
  std::string unique(const std::string& name);
  void add_node(std::string kind, std::string name, std::vector<std::string> inputs, std::vector<std::string> outputs,
                OnnxAttributes attributes = {});

  /// A constant as it is; throws Error when the file becomes too large. These give the tensor's name.
  std::string add_constant(const Value& constant);
  std::string add_numbers(const std::string& name, const std::vector<int64_t>& numbers);
  std::string add_number(const std::string& name, float number);
  /// A constant behind what makes real numbers of it.
  std::string add_real_constant(const Value& constant);

  /// The quantization of `v` as two constants: numbers, or vectors along its axis. s32 has no zero point.
  std::pair<std::string, std::string> scale_and_zero(const std::string& name, const Value& v);

  /// The tensor that a value is, as real numbers.
  std::string real(ValueId id);
};

/// A node that is being written.
class OnnxNodeWriter {
 public:
  OnnxNodeWriter(OnnxWriting& writing, const Node& node) : writing_(writing), node_(node) {}

  OnnxWriting& writing() { return writing_; }
  const Graph& graph() const { return writing_.graph; }
  const Node& node() const { return node_; }
  /// Throws Error naming the node.
  [[noreturn]] void fail(const std::string& what) const;

  const Value& input(size_t i) const { return graph().value(node_.inputs[i]); }
  const Value& output() const { return graph().value(node_.output); }
  /// Input i, which must be a constant.
  const Value& weight(size_t i) const;
  std::string real(size_t i) { return writing_.real(node_.inputs[i]); }

  /// Whether input 0 is a flattened image whose elements stand channels first; what is computed of each of these alone stays
  /// in this order.
  bool is_channel_order() const { return writing_.channel_order.contains(node_.inputs[0]); }
  void keep_channel_order() {
    if (is_channel_order()) writing_.channel_order.insert(node_.output);
  }

  /// The name under which the node's operator yields real numbers; then what quantizes these if the result is of integers.
  std::string begin_output();
  void end_output(const std::string& real_name);

  /// The node as one operator, and with a clamp behind it.
  void finish(const std::string& kind, std::vector<std::string> inputs, OnnxAttributes attributes = {});
  /// The same of integers as they are stored, which all have the result's quantization.
  void finish_stored(const std::string& kind, std::vector<std::string> inputs, OnnxAttributes attributes);
  void finish_with_clamp(const std::string& kind, ActivationKind clamp, std::vector<std::string> inputs,
                         OnnxAttributes attributes);
  void add_activation(ActivationKind kind, const std::string& name, const std::string& in, const std::string& out);

 private:
  std::string output_name();

  OnnxWriting& writing_;
  const Node& node_;
};

// In onnx_write_layers.cpp: layers with weights or windows.
void write_onnx_op(OnnxNodeWriter& n, const Conv2D& op);
void write_onnx_op(OnnxNodeWriter& n, const DepthwiseConv2D& op);
void write_onnx_op(OnnxNodeWriter& n, const Dense& op);
void write_onnx_op(OnnxNodeWriter& n, const Lstm& op);
void write_onnx_op(OnnxNodeWriter& n, const ConvLstm2D& op);
void write_onnx_op(OnnxNodeWriter& n, const Pool2D& op);
void write_onnx_op(OnnxNodeWriter& n, const BatchNorm& op);

// In onnx_write_elementwise.cpp: activations, arithmetic, quantization.
void write_onnx_op(OnnxNodeWriter& n, const Activation& op);
void write_onnx_op(OnnxNodeWriter& n, const LeakyRelu& op);
void write_onnx_op(OnnxNodeWriter& n, const Softmax& op);
void write_onnx_op(OnnxNodeWriter& n, const Add& op);
void write_onnx_op(OnnxNodeWriter& n, const Mul& op);
void write_onnx_op(OnnxNodeWriter& n, const Quantize& op);
void write_onnx_op(OnnxNodeWriter& n, const Dequantize& op);

// In onnx_write_shapes.cpp: what moves elements.
void write_onnx_op(OnnxNodeWriter& n, const Reshape& op);
void write_onnx_op(OnnxNodeWriter& n, const Crop2D& op);
void write_onnx_op(OnnxNodeWriter& n, const Pad2D& op);
void write_onnx_op(OnnxNodeWriter& n, const Concat& op);
void write_onnx_op(OnnxNodeWriter& n, const Permute& op);

}  // namespace slimpilot
