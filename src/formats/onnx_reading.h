// SPDX-License-Identifier: Apache-2.0
// A graph while the nodes of an ONNX file are added to it, and one of these nodes with what it reads. What the operators mean
// is in onnx_read_*.cpp; here is what they have in common.
#pragma once

#include <map>
#include <set>
#include <span>

#include "formats/onnx_constant.h"
#include "formats/onnx_file.h"
#include "formats/onnx_layout.h"
#include "graph/graph.h"

namespace slimpilot {

/// What a name in the file stands for: a constant, or a value of the graph in some layout.
struct OnnxOperand {
  std::optional<Value> constant;
  ValueId id = kNoValue;
  OnnxLayout layout;  // constants: plain
  const Shape& shape() const { return layout.shape; }
};

struct OnnxReading {
  Graph graph;
  std::map<std::string, OnnxOperand, std::less<>> operands;
  std::map<std::string, int, std::less<>> readers;  // of each name, the file's outputs among them
  std::set<ValueId> filled_biases;                  // zeros for layers that have none in the file; an Add may replace them
  int64_t opset = 0;
  size_t bytes_left = 0;  // a small file can ask for any number of copies of its constants

  /// Called before `bytes` are allocated; throws Error when the file has used up its budget.
  void take(size_t bytes);
  void take(const Shape& shape, size_t element) { take(static_cast<size_t>(element_count(shape)) * element); }
};

/// A node that is being read. Its functions throw Error without the node's name.
class OnnxNodeReader {
 public:
  OnnxNodeReader(OnnxReading& reading, const OnnxNode& node) : reading_(reading), node_(node) {}

  OnnxReading& reading() { return reading_; }
  Graph& graph() { return reading_.graph; }
  const OnnxNode& node() const { return node_; }
  int64_t opset() const { return reading_.opset; }
  [[noreturn]] void fail(const std::string& what) const;
  void need(bool condition, const std::string& what) const {
    if (!condition) fail(what);
  }

  bool has_input(size_t i) const { return i < node_.inputs.size() && !node_.inputs[i].empty(); }
  const OnnxOperand& input(size_t i) const;
  /// Input i, which must be a value of the graph.
  const OnnxOperand& computed(size_t i) const;
  bool is_constant(size_t i) const { return has_input(i) && input(i).constant.has_value(); }
  const Value& constant(size_t i) const;
  const Shape& shape(size_t i) const { return input(i).shape(); }
  /// Whether nothing but this node reads input i.
  bool reads_alone(size_t i) const { return reading_.readers.at(node_.inputs[i]) == 1; }

  const OnnxAttribute* attribute(std::string_view name) const;
  int64_t integer(std::string_view name, int64_t otherwise) const;
  float real(std::string_view name, float otherwise) const;
  std::string text(std::string_view name, const std::string& otherwise) const;
  /// The attribute's integers; or those of input i, which newer operator sets have in its place; nullopt: neither.
  std::optional<std::vector<int64_t>> integers(std::string_view name) const;
  std::optional<std::vector<int64_t>> integers(std::string_view name, size_t i) const;

  /// Input i as a value of the graph whose dimension d is the tensor's dimension order[d]; adds Reshape and Permute if it
  /// stands otherwise.
  ValueId arranged(size_t i, const std::vector<int>& order);
  ValueId plain(size_t i);
  /// Input i of N, C and at least one more dimension as N, …, C.
  ValueId image(size_t i);

  /// Whether input i is an image with channels first whose value has them last. (One channel alone has no order to tell.)
  bool is_channels_first(size_t i) const;

  /// Adds a node; its name and its value's are those of this node and its first output, with `suffix` behind. Types and
  /// quantization are those of the first input.
  ValueId append(Op op, std::vector<ValueId> inputs, const std::string& suffix = "");
  ValueId reshape_to(ValueId id, const Shape& shape, const std::string& suffix);
  ValueId add(Value constant);
  /// Zeros or ones.
  ValueId add_filled(const std::string& suffix, Shape shape, float number);

  void set_output(ValueId id, OnnxLayout layout) { set(0, {.id = id, .layout = std::move(layout)}); }
  /// Of a value that `image` and its kind have made.
  void set_image_output(ValueId id);
  void set_constant_output(Value constant);
  /// The first output is the first input.
  void pass_on();
  void set(size_t output, OnnxOperand operand);

 private:
  OnnxReading& reading_;
  const OnnxNode& node_;
};

/// How the nodes of one kind are read.
struct OnnxRule {
  std::string_view kind;
  void (*read)(OnnxNodeReader&);
};
std::span<const OnnxRule> onnx_layer_rules();        // convolutions, dense layers, pooling, BatchNorm
std::span<const OnnxRule> onnx_elementwise_rules();  // activations and arithmetic
std::span<const OnnxRule> onnx_shape_rules();        // what moves elements
std::span<const OnnxRule> onnx_quantization_rules();

/// The order of a Transpose of `rank` dimensions; the shape that a Reshape, Flatten, Squeeze or Unsqueeze makes of input 0.
std::vector<int> onnx_order(const OnnxNodeReader& node, size_t rank);
Shape onnx_target_shape(const OnnxNodeReader& node);

/// Computes a node that reads constants only, or only the shapes of values; false: it has to be read.
bool fold_onnx_node(OnnxNodeReader& node);

/// Reads one node. Throws Error naming it.
void read_onnx_node(OnnxReading& reading, const OnnxNode& node);

}  // namespace slimpilot
