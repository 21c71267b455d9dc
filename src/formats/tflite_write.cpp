// SPDX-License-Identifier: Apache-2.0
// Graph → TensorFlow Lite file. Value i becomes tensor i; tensors that only the format needs (shapes, paddings, widened
// float16 and unpacked sparse weights) follow. A weight is stored sparsely where that is smaller (tflite_sparse.h), whatever
// its encoding says; encodings and constraints are not written: the weights themselves show them.
#include <tflite_generated.h>

#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "formats/formats.h"
#include "formats/metadata.h"
#include "formats/tflite_common.h"
#include "formats/tflite_sparse.h"

namespace slimpilot {
namespace {

namespace fb = tflite_schema;

constexpr size_t kLargestFile = size_t{1} << 31;  // flatbuffers' offsets have 31 bits

[[noreturn]] void fail(const Node& node, const std::string& what) { throw Error("layer '" + node.name + "': " + what); }

fb::Padding padding_code(Padding padding) { return padding == Padding::same ? fb::Padding::SAME : fb::Padding::VALID; }

template <class Conv, class Options>
void set_window(const Conv& op, Options& options) {
  options.padding = padding_code(op.padding);
  options.stride_h = op.stride_h;
  options.stride_w = op.stride_w;
}

class Writer {
 public:
  explicit Writer(const Graph& graph) : graph_(graph) {
    model_.version = 3;
    model_.description = "slimpilot";
    model_.buffers.push_back(std::make_unique<fb::BufferT>());  // buffer 0 is empty and stands for "computed"
    model_.subgraphs.push_back(std::make_unique<fb::SubGraphT>());
    subgraph_ = model_.subgraphs[0].get();
    subgraph_->name = "main";
  }

  std::string write();

 private:
  const Value& value(ValueId id) const { return graph_.value(id); }
  uint32_t add_buffer(std::span<const std::byte> bytes);
  int add_tensor(const std::string& name, const Shape& shape, fb::TensorType type, uint32_t buffer);
  int add_integers(const std::string& name, const Shape& shape, const std::vector<int32_t>& numbers);
  void add_value_tensor(const Value& v, bool densifiable);
  void add_metadata();
  void add_operator(fb::BuiltinOperator code, int version, std::vector<int> inputs, int output,
                    fb::BuiltinOptionsUnion options = {});
  std::vector<int> tensors_of(const Node& node);
  int densified(ValueId id);
  int widened(ValueId id);

  /// Adds the node's own operator; `options` is one of the schema's option tables.
  template <class Options>
  void add(const Node& node, fb::BuiltinOperator code, std::vector<int> inputs, Options options) {
    fb::BuiltinOptionsUnion united;
    united.Set(std::move(options));
    add_operator(code, operator_version(graph_, node), std::move(inputs), node.output, std::move(united));
  }
  void add(const Node& node, fb::BuiltinOperator code) {
    add_operator(code, operator_version(graph_, node), tensors_of(node), node.output);
  }
  template <class Options>
  void add_layer(const Node& node, fb::BuiltinOperator code, ActivationKind activation, Options options);
  template <class Options>
  void set_bias_type(const Node& node, Options& options) const {
    if (arithmetic_of(graph_, node) == TfliteArithmetic::int16) options.quantized_bias_type = fb::TensorType::INT64;
  }

  void write_op(const Node& node, const Conv2D& op);
  void write_op(const Node& node, const DepthwiseConv2D& op);
  void write_op(const Node& node, const Dense& op);
  void write_op(const Node& node, const Pool2D& op);
  void write_op(const Node& node, const Activation& op) { add(node, *activation_operator(op.kind)); }
  void write_op(const Node& node, const Reshape& op);
  void write_op(const Node& node, const Crop2D& op);
  void write_op(const Node& node, const Pad2D& op);
  void write_op(const Node& node, const Add&) {
    fb::AddOptionsT options;
    options.pot_scale_int16 = false;
    add(node, fb::BuiltinOperator::ADD, tensors_of(node), std::move(options));
  }
  void write_op(const Node& node, const Mul&) { add(node, fb::BuiltinOperator::MUL, tensors_of(node), fb::MulOptionsT{}); }
  void write_op(const Node& node, const LeakyRelu& op) {
    fb::LeakyReluOptionsT options;
    options.alpha = op.alpha;
    add(node, fb::BuiltinOperator::LEAKY_RELU, tensors_of(node), std::move(options));
  }
  void write_op(const Node& node, const Softmax&) {
    fb::SoftmaxOptionsT options;
    options.beta = 1;
    add(node, fb::BuiltinOperator::SOFTMAX, tensors_of(node), std::move(options));
  }
  void write_op(const Node& node, const Concat& op) {
    fb::ConcatenationOptionsT options;
    options.axis = op.axis;
    add(node, fb::BuiltinOperator::CONCATENATION, tensors_of(node), std::move(options));
  }
  void write_op(const Node& node, const Permute& op);
  void write_op(const Node& node, const Quantize&) { add(node, fb::BuiltinOperator::QUANTIZE); }
  void write_op(const Node& node, const Dequantize&) { add(node, fb::BuiltinOperator::DEQUANTIZE); }
  void write_op(const Node&, const BatchNorm&) { check(false); }  // check_tflite_numbers has refused these
  void write_op(const Node&, const ConvLstm2D&) { check(false); }
  void write_op(const Node&, const Lstm&) { check(false); }

  const Graph& graph_;
  fb::ModelT model_;
  fb::SubGraphT* subgraph_ = nullptr;
  std::map<std::string_view, uint32_t> buffers_;  // by content; the views look into model_'s buffers
  std::map<std::pair<fb::BuiltinOperator, int>, uint32_t> codes_;
  std::map<ValueId, int> densified_;  // sparse constant → the tensor that DENSIFY makes of it
  std::map<ValueId, int> widened_;    // f16 constant → the float32 tensor that DEQUANTIZE makes of it
  size_t bytes_ = 0;
};

/// Identical data is stored once.
uint32_t Writer::add_buffer(std::span<const std::byte> bytes) {
  if (bytes.empty()) return 0;
  const auto* first = reinterpret_cast<const uint8_t*>(bytes.data());
  const auto known = buffers_.find({reinterpret_cast<const char*>(first), bytes.size()});
  if (known != buffers_.end()) return known->second;
  bytes_ += bytes.size();
  if (bytes_ > kLargestFile - kLargestFile / 16) throw Error("the weights exceed 2 GB, more than a .tflite file can hold");
  const auto index = static_cast<uint32_t>(model_.buffers.size());
  auto buffer = std::make_unique<fb::BufferT>();
  buffer->data.assign(first, first + bytes.size());
  buffers_[{reinterpret_cast<const char*>(buffer->data.data()), bytes.size()}] = index;
  model_.buffers.push_back(std::move(buffer));
  return index;
}

int Writer::add_tensor(const std::string& name, const Shape& shape, fb::TensorType type, uint32_t buffer) {
  auto tensor = std::make_unique<fb::TensorT>();
  tensor->name = name;
  tensor->shape = shape;
  tensor->type = type;
  tensor->buffer = buffer;
  subgraph_->tensors.push_back(std::move(tensor));
  return static_cast<int>(subgraph_->tensors.size()) - 1;
}

int Writer::add_integers(const std::string& name, const Shape& shape, const std::vector<int32_t>& numbers) {
  return add_tensor(name, shape, fb::TensorType::INT32, add_buffer(std::as_bytes(std::span(numbers))));
}

void set_quantization(fb::TensorT& tensor, const std::optional<Quantization>& quantization) {
  if (!quantization) return;
  tensor.quantization = std::make_unique<fb::QuantizationParametersT>();
  tensor.quantization->scale = quantization->scale;
  tensor.quantization->zero_point.assign(quantization->zero_point.begin(), quantization->zero_point.end());
  tensor.quantization->quantized_dimension = std::max(0, quantization->axis);
}

void Writer::add_value_tensor(const Value& v, bool densifiable) {
  auto sparsity = std::make_unique<fb::SparsityParametersT>();
  const auto sparse = densifiable ? encode_sparse(v, *sparsity) : std::nullopt;
  const int id = add_tensor(v.name, v.shape, tensor_type(v.type), add_buffer(sparse ? *sparse : v.data));
  fb::TensorT& tensor = *subgraph_->tensors[static_cast<size_t>(id)];
  set_quantization(tensor, v.quantization);
  if (sparse) tensor.sparsity = std::move(sparsity);
}

void Writer::add_operator(fb::BuiltinOperator code, int version, std::vector<int> inputs, int output,
                          fb::BuiltinOptionsUnion options) {
  const auto [entry, fresh] = codes_.try_emplace({code, version}, static_cast<uint32_t>(codes_.size()));
  if (fresh) {
    auto table = std::make_unique<fb::OperatorCodeT>();
    table->deprecated_builtin_code = static_cast<int8_t>(std::min(127, static_cast<int>(code)));
    table->builtin_code = code;
    table->version = version;
    model_.operator_codes.push_back(std::move(table));
  }
  auto op = std::make_unique<fb::OperatorT>();
  op->opcode_index = entry->second;
  op->inputs = std::move(inputs);
  op->outputs = {output};
  op->builtin_options = std::move(options);
  subgraph_->operators.push_back(std::move(op));
}

/// The node's inputs, sparse constants behind a DENSIFY, f16 constants behind a DEQUANTIZE.
std::vector<int> Writer::tensors_of(const Node& node) {
  std::vector<int> tensors;
  for (const ValueId id : node.inputs) tensors.push_back(value(id).type == ElementType::f16 ? widened(id) : densified(id));
  return tensors;
}

int Writer::densified(ValueId id) {
  if (!subgraph_->tensors[static_cast<size_t>(id)]->sparsity) return id;
  if (const auto known = densified_.find(id); known != densified_.end()) return known->second;
  const int tensor = add_tensor(value(id).name + "/dense", value(id).shape, tensor_type(value(id).type), 0);
  set_quantization(*subgraph_->tensors[static_cast<size_t>(tensor)], value(id).quantization);
  add_operator(fb::BuiltinOperator::DENSIFY, 1, {id}, tensor);
  return densified_[id] = tensor;
}

int Writer::widened(ValueId id) {
  if (const auto known = widened_.find(id); known != widened_.end()) return known->second;
  const int tensor = add_tensor(value(id).name + "/float32", value(id).shape, fb::TensorType::FLOAT32, 0);
  constexpr int kReadsFloat16 = 3;
  add_operator(fb::BuiltinOperator::DEQUANTIZE, kReadsFloat16, {densified(id)}, tensor);
  return widened_[id] = tensor;
}

/// A layer with weights. Where the format cannot fuse its clamp, real numbers get it as an operator of their own.
template <class Options>
void Writer::add_layer(const Node& node, fb::BuiltinOperator code, ActivationKind activation, Options options) {
  const Value& out = value(node.output);
  const auto function = fused_function(activation, out);
  if (function) {
    options.fused_activation_function = *function;
    return add(node, code, tensors_of(node), std::move(options));
  }
  if (out.type != ElementType::f32 || !is_clamp(activation))
    fail(node, "its activation " + std::string(activation_name(activation)) +
                   " cannot be fused in a .tflite file; make it a layer of its own");
  const int linear = add_tensor(out.name + "/linear", out.shape, fb::TensorType::FLOAT32, 0);
  add(node, code, tensors_of(node), std::move(options));
  subgraph_->operators.back()->outputs = {linear};
  add_operator(*activation_operator(activation), 1, {linear}, node.output);
}

void Writer::write_op(const Node& node, const Conv2D& op) {
  fb::Conv2DOptionsT options;
  set_window(op, options);
  set_bias_type(node, options);
  add_layer(node, fb::BuiltinOperator::CONV_2D, op.activation, std::move(options));
}

void Writer::write_op(const Node& node, const DepthwiseConv2D& op) {
  fb::DepthwiseConv2DOptionsT options;
  set_window(op, options);
  options.depth_multiplier = 1;
  add_layer(node, fb::BuiltinOperator::DEPTHWISE_CONV_2D, op.activation, std::move(options));
}

void Writer::write_op(const Node& node, const Dense& op) {
  fb::FullyConnectedOptionsT options;
  options.asymmetric_quantize_inputs = arithmetic_of(graph_, node) == TfliteArithmetic::hybrid;
  set_bias_type(node, options);
  add_layer(node, fb::BuiltinOperator::FULLY_CONNECTED, op.activation, std::move(options));
}

void Writer::write_op(const Node& node, const Pool2D& op) {
  fb::Pool2DOptionsT options;
  set_window(op, options);
  options.filter_height = op.window_h;
  options.filter_width = op.window_w;
  const bool is_max = op.kind == PoolKind::max;
  add(node, is_max ? fb::BuiltinOperator::MAX_POOL_2D : fb::BuiltinOperator::AVERAGE_POOL_2D, tensors_of(node),
      std::move(options));
}

void Writer::write_op(const Node& node, const Reshape& op) {
  fb::ReshapeOptionsT options;
  options.new_shape = op.shape;
  const int shape = add_integers(node.name + "/shape", {static_cast<int>(op.shape.size())}, op.shape);
  add(node, fb::BuiltinOperator::RESHAPE, {tensors_of(node)[0], shape}, std::move(options));
}

void Writer::write_op(const Node& node, const Crop2D& op) {
  const Shape& x = value(node.inputs[0]).shape;
  const int begin = add_integers(node.name + "/begin", {4}, {0, op.top, op.left, 0});
  const int end = add_integers(node.name + "/end", {4}, {x[0], x[1] - op.bottom, x[2] - op.right, x[3]});
  const int strides = add_integers(node.name + "/strides", {4}, {1, 1, 1, 1});
  add(node, fb::BuiltinOperator::STRIDED_SLICE, {tensors_of(node)[0], begin, end, strides}, fb::StridedSliceOptionsT{});
}

void Writer::write_op(const Node& node, const Pad2D& op) {
  const int paddings = add_integers(node.name + "/paddings", {4, 2}, {0, 0, op.top, op.bottom, op.left, op.right, 0, 0});
  add(node, fb::BuiltinOperator::PAD, {tensors_of(node)[0], paddings}, fb::PadOptionsT{});
}

void Writer::write_op(const Node& node, const Permute& op) {
  const int order = add_integers(node.name + "/order", {static_cast<int>(op.order.size())}, op.order);
  add(node, fb::BuiltinOperator::TRANSPOSE, {tensors_of(node)[0], order}, fb::TransposeOptionsT{});
}

void Writer::add_metadata() {
  const std::string json = metadata_of(graph_);
  auto entry = std::make_unique<fb::MetadataT>();
  entry->name = kMetadataName;
  entry->buffer = add_buffer(std::as_bytes(std::span(json)));
  model_.metadata.push_back(std::move(entry));
}

std::string Writer::write() {
  std::set<std::string> names;
  for (const ValueId id : graph_.outputs)
    if (!names.insert(value(id).name).second)
      throw Error("two outputs are named '" + value(id).name + "'; give each its own name");
  for (const Node& node : graph_.nodes) check_tflite_numbers(graph_, node);
  const std::vector<bool> densifiable = densifiable_weights(graph_);
  for (size_t id = 0; id < graph_.values.size(); ++id) add_value_tensor(graph_.values[id], densifiable[id]);
  for (const Node& node : graph_.nodes) std::visit([&](const auto& op) { write_op(node, op); }, node.op);
  subgraph_->inputs = graph_.inputs;
  subgraph_->outputs = graph_.outputs;
  add_metadata();
  flatbuffers::FlatBufferBuilder builder(bytes_ + (size_t{1} << 16));
  builder.Finish(fb::Model::Pack(builder, &model_), fb::ModelIdentifier());
  return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

/// LiteRT's LOGISTIC of 8 bits yields 256ths; what has another scale, as ONNX files may, is quantized once more.
Graph with_logistic_scales(Graph graph) {
  const Quantization fixed{.scale = {0x1p-8f}, .zero_point = {-128}};
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    Node& node = graph.nodes[i];
    const auto* activation = std::get_if<Activation>(&node.op);
    Value logistic = graph.value(node.output);
    if (!activation || activation->kind != ActivationKind::sigmoid || logistic.type != ElementType::s8) continue;
    if (logistic.quantization == fixed) continue;
    logistic.name += "/logistic";
    logistic.quantization = fixed;
    const auto id = static_cast<ValueId>(graph.values.size());
    graph.values.push_back(std::move(logistic));
    const Node quantize{node.name + "/quantize", Quantize{}, {id}, std::exchange(node.output, id)};
    graph.nodes.insert(graph.nodes.begin() + static_cast<std::ptrdiff_t>(i) + 1, quantize);
  }
  return graph;
}

}  // namespace

std::string to_tflite(const Graph& graph) {
  verify(graph);
  const Graph written = with_logistic_scales(graph);
  return Writer(written).write();
}

}  // namespace slimpilot
