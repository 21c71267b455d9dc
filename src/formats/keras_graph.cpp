// SPDX-License-Identifier: Apache-2.0
// From what a Keras file holds to a graph: follows the layers, checks each weight's shape and turns Keras' layouts (output
// channels last) into the graph's (output channels first).
#include "formats/keras_graph.h"

#include <algorithm>

#include "base/error.h"
#include "formats/keras_config.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

constexpr int64_t kMaxElements = int64_t{1} << 30;

/// [rows, columns] → [columns, rows].
std::vector<float> transposed(const std::vector<float>& values, size_t columns) {
  const size_t rows = values.size() / columns;
  std::vector<float> result(values.size());
  for (size_t r = 0; r < rows; ++r)
    for (size_t c = 0; c < columns; ++c) result[c * rows + r] = values[r * columns + c];
  return result;
}

/// Product of extents, or kMaxElements + 1 when it is larger; extents are below 2^31.
int64_t bounded_count(const Shape& shape) {
  int64_t count = 1;
  for (const int extent : shape) count = std::min(count * extent, kMaxElements + 1);
  return count;
}

/// Appends layer after layer to a graph.
class Builder {
 public:
  Builder(const KerasFile& file, const ReadOptions& options) : file_(file), options_(options) {}

  Graph build(const std::vector<KerasLayer>& layers);

 private:
  [[noreturn]] void fail(const std::string& what) const { throw Error("layer '" + layer_->name + "': " + what); }
  const Shape& shape() const { return graph_.value(current_).shape; }
  const Shape& shape(size_t rank, const std::string& wanted) const {
    if (shape().size() != rank) fail("gets " + shape_text(shape()) + " but needs " + wanted);
    return shape();
  }
  void append(Op op, std::vector<ValueId> constants = {}) {
    constants.insert(constants.begin(), current_);
    current_ = append_node(graph_, layer_->name, std::move(op), std::move(constants));
  }

  void start(const std::vector<KerasLayer>& layers);
  void take_weights(const KerasLayer& layer);
  void finish_weights() const;
  const KerasTensor& take(const std::string& what, const Shape& expected);
  ValueId constant(const std::string& what, Shape shape, const std::vector<float>& values);
  ValueId vector(const std::string& what, bool given, int count, float otherwise);
  ValueId transposed_kernel(const std::string& what, const Shape& expected, Shape shape);

  void add(const KerasInput&) {}
  void add(const KerasDropout&) {}
  void add(const KerasConvolution&);
  void add(const KerasDense&);
  void add(const KerasConvLstm&);
  void add(const KerasBatchNorm&);
  void add(const KerasReshape&);
  void add(const KerasFlatten&);
  void add(const KerasLambda&);
  void add(const Activation& op) {
    if (op.kind != ActivationKind::none) append(op);
  }
  /// Pool2D, Crop2D, Pad2D: ops of the graph as they stand.
  template <class ImageOp>
  void add(const ImageOp& op) {
    shape(4, "an image");
    append(op);
  }

  const KerasFile& file_;
  const ReadOptions& options_;
  Graph graph_;
  ValueId current_ = kNoValue;                  // the result so far
  const KerasLayer* layer_ = nullptr;           // the layer in work,
  const KerasLayerWeights* weights_ = nullptr;  // its weights,
  size_t taken_ = 0;                            // and how many of them are used
};

void Builder::start(const std::vector<KerasLayer>& layers) {
  layer_ = &layers.front();
  Shape shape = layer_->input_shape;
  if (shape.empty()) fail("the file does not say the input's shape; build the model with an input_shape before saving it");
  if (std::find(shape.begin(), shape.end(), -1) != shape.end())
    fail("the input's shape is left open (null); save the model with a fixed input_shape");
  shape.insert(shape.begin(), 1);
  if (bounded_count(shape) > kMaxElements) fail("the input " + shape_text(shape) + " is absurdly large");
  const bool named = std::holds_alternative<KerasInput>(layer_->kind);
  current_ = add_value(graph_, named ? layer_->name : layer_->name + "_input", shape);
  graph_.inputs = {current_};
}

void Builder::take_weights(const KerasLayer& layer) {
  const auto named = [&](const KerasLayerWeights& weights) { return weights.layer == layer.name; };
  const auto found = std::find_if(file_.layers.begin(), file_.layers.end(), named);
  layer_ = &layer;
  weights_ = found == file_.layers.end() ? nullptr : &*found;
  taken_ = 0;
}

void Builder::finish_weights() const {
  if (weights_ && taken_ != weights_->tensors.size())
    fail("has " + std::to_string(weights_->tensors.size()) + " weight arrays instead of " + std::to_string(taken_));
}

/// The layer's next weights; their shape must be `expected`.
const KerasTensor& Builder::take(const std::string& what, const Shape& expected) {
  if (!weights_ || taken_ == weights_->tensors.size()) fail("the file has no " + what + " for it");
  const KerasTensor& tensor = weights_->tensors[taken_++];
  if (tensor.shape != expected)
    fail(what + " is " + shape_text(tensor.shape) + ", the configuration wants " + shape_text(expected));
  return tensor;
}

ValueId Builder::constant(const std::string& what, Shape shape, const std::vector<float>& values) {
  return add_constant(graph_, layer_->name + "/" + what, std::move(shape), values);
}

/// A vector of the file, or one filled with `otherwise` where the layer goes without.
ValueId Builder::vector(const std::string& what, bool given, int count, float otherwise) {
  if (given) return constant(what, {count}, take(what, {count}).values);
  return constant(what, {count}, std::vector<float>(static_cast<size_t>(count), otherwise));
}

ValueId Builder::transposed_kernel(const std::string& what, const Shape& expected, Shape shape) {
  return constant(what, std::move(shape), transposed(take(what, expected).values, static_cast<size_t>(expected.back())));
}

void Builder::add(const KerasConvolution& layer) {
  const int channels = shape(4, "an image")[3], filters = layer.filters, h = layer.kernel_h, w = layer.kernel_w;
  const ValueId kernel = transposed_kernel("kernel", {h, w, channels, filters}, {filters, h, w, channels});
  append(layer.op, {kernel, vector("bias", layer.use_bias, filters, 0)});
}

void Builder::add(const KerasDense& layer) {
  const int inputs = shape(2, "a vector; put Flatten before it")[1];
  const ValueId kernel = transposed_kernel("kernel", {inputs, layer.units}, {layer.units, inputs});
  append(Dense{}, {kernel, vector("bias", layer.use_bias, layer.units, 0)});
}

void Builder::add(const KerasConvLstm& layer) {
  const int channels = shape(5, "a sequence of images")[4], filters = layer.filters, h = layer.kernel_h, w = layer.kernel_w;
  const int gates = 4 * filters;
  const ValueId kernel = transposed_kernel("kernel", {h, w, channels, gates}, {gates, h, w, channels});
  const ValueId recurrent = transposed_kernel("recurrent_kernel", {h, w, filters, gates}, {gates, h, w, filters});
  append(layer.op, {kernel, recurrent, vector("bias", layer.use_bias, gates, 0)});
}

void Builder::add(const KerasBatchNorm& layer) {
  const int channels = shape().back(), last = static_cast<int>(shape().size()) - 1;
  if (layer.axis != -1 && layer.axis != last) fail("axis is " + std::to_string(layer.axis) + "; slimpilot supports the last");
  const ValueId gamma = vector("gamma", layer.scale, channels, 1), beta = vector("beta", layer.center, channels, 0);
  const ValueId mean = vector("moving_mean", true, channels, 0), variance = vector("moving_variance", true, channels, 1);
  for (const float one : graph_.value(variance).elements<float>())
    if (one + layer.op.epsilon <= 0) fail("moving_variance + epsilon is not positive; the file is damaged");
  append(layer.op, {gamma, beta, mean, variance});
}

void Builder::add(const KerasReshape& layer) {
  const int64_t total = element_count(shape());
  Shape target = layer.target;
  target.insert(target.begin(), 1);
  const auto open = std::find(target.begin(), target.end(), -1);
  if (open != target.end()) {
    *open = 1;
    const int64_t rest = bounded_count(target);
    if (total % rest == 0) *open = static_cast<int>(total / rest);
  }
  if (std::count(target.begin(), target.end(), -1) > 0) fail("target_shape leaves more than one extent open");
  if (bounded_count(target) != total) fail("cannot make " + shape_text(target) + " of " + shape_text(shape()));
  append(Reshape{target});
}

void Builder::add(const KerasFlatten&) { append(Reshape{{1, static_cast<int>(element_count(shape()))}}); }

void Builder::add(const KerasLambda&) {
  const auto found = options_.lambdas.find(layer_->name);
  if (found == options_.lambdas.end())
    fail("is a Lambda, whose Python bytecode is never run; say what it computes, as x·scale + offset, with --lambda " +
         layer_->name + "=scale,offset");
  const int channels = shape(4, "an image")[3];
  const auto count = static_cast<size_t>(channels);
  const ValueId scale = constant("scale", {1, 1, 1, channels}, std::vector<float>(count, found->second.scale));
  const ValueId offset = constant("offset", {channels}, std::vector<float>(count, found->second.offset));
  append(DepthwiseConv2D{}, {scale, offset});
}

Graph Builder::build(const std::vector<KerasLayer>& layers) {
  start(layers);
  for (const KerasLayer& layer : layers) {
    take_weights(layer);
    std::visit([&](const auto& kind) { add(kind); }, layer.kind);
    finish_weights();
    if (layer.activation == ActivationKind::none) continue;
    const std::string name = layer.name + "/" + std::string(activation_name(layer.activation));
    current_ = append_node(graph_, name, Activation{layer.activation}, {current_});
  }
  graph_.outputs = {current_};
  return std::move(graph_);
}

/// Every --lambda names a Lambda layer.
void refuse_unused_lambdas(const std::vector<KerasLayer>& layers, const ReadOptions& options) {
  for (const auto& option : options.lambdas) {
    const auto meant = [&](const KerasLayer& layer) {
      return layer.name == option.first && std::holds_alternative<KerasLambda>(layer.kind);
    };
    if (std::none_of(layers.begin(), layers.end(), meant))
      throw Error("--lambda " + option.first + ": the model has no Lambda layer of this name");
  }
}

/// No weights are left aside.
void refuse_unused_weights(const std::vector<KerasLayer>& layers, const KerasFile& file) {
  for (const KerasLayerWeights& weights : file.layers) {
    const auto same = [&](const KerasLayer& layer) { return layer.name == weights.layer; };
    if (!weights.tensors.empty() && std::none_of(layers.begin(), layers.end(), same))
      throw Error("the file has weights for a layer '" + weights.layer + "' that its configuration does not have");
  }
}

}  // namespace

Graph keras_graph(const KerasFile& file, const ReadOptions& options) {
  const std::vector<KerasLayer> layers = parse_keras_config(file.model_config, file.keras_version);
  refuse_unused_lambdas(layers, options);
  refuse_unused_weights(layers, file);
  Graph graph = Builder(file, options).build(layers);
  verify(graph);
  return graph;
}

}  // namespace slimpilot
