// SPDX-License-Identifier: Apache-2.0
// From what a Keras file holds to a graph: follows the layers, checks each weight's shape and turns Keras' layouts (output
// channels last) into the graph's (output channels first).
#include "formats/keras_graph.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/error.h"
#include "formats/keras_config.h"
#include "formats/keras_weights.h"
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

/// Makes the graph, call after call.
class Builder {
 public:
  Builder(const KerasFile& file, const ReadOptions& options) : file_(file), options_(options) {}

  Graph build(const KerasNetwork& network);

 private:
  [[noreturn]] void fail(const std::string& what) const { throw Error("layer '" + layer_->name + "': " + what); }
  const Shape& shape() const { return graph_.value(current_).shape; }
  const Shape& shape(size_t rank, const std::string& wanted) const {
    if (shape().size() != rank) fail("gets " + shape_text(shape()) + " but needs " + wanted);
    return shape();
  }
  int batch() const { return shape()[0]; }
  std::string node_name(const std::string& suffix);
  void append(Op op, std::vector<ValueId> constants = {}, const std::string& suffix = "") {
    constants.insert(constants.begin(), current_);
    current_ = append_node(graph_, node_name(suffix), std::move(op), std::move(constants));
  }

  ValueId input(const KerasLayer& layer);
  ValueId call(const KerasLayer& layer, std::vector<ValueId> inputs);
  template <class Values>
  ValueId constant(const std::string& what, Shape shape, const Values& values);
  ValueId vector(const std::string& what, bool given, int count, float otherwise);
  ValueId transposed_kernel(const std::string& what, const Shape& expected, Shape shape);
  void scale(const std::vector<float>& factors, const std::vector<float>& offsets);

  void add(const KerasInput&) {}
  void add(const KerasDropout&) {}
  void add(const KerasQuantizedInput&) {}
  void add(const KerasConvolution&);
  void add(const KerasConvolution3D&);
  void add(const KerasDepthwise&);
  void add(const KerasDense&);
  void add(const KerasConvLstm&);
  void add(const KerasLstm&);
  void add(const KerasBatchNorm&);
  void add(const KerasPool3D&);
  void add(const KerasGlobalPool&);
  void add(const KerasReshape&);
  void add(const KerasPermute&);
  void add(const KerasConcatenate&);
  void add(const KerasSum&) { combine<Add>(); }
  void add(const KerasProduct&) { combine<Mul>(); }
  void add(const KerasRescaling& layer) { scale(layer.scale, layer.offset); }
  void add(const KerasNormalization&);
  void add(const KerasFlatten&);
  void add(const KerasLambda&);
  void add(const KerasFrames&) { current_ = append_frames(graph_, node_name(""), current_); }
  void add(const KerasSequence&) { current_ = append_sequence(graph_, node_name(""), current_); }
  void add(const Activation& op) { append(op); }
  void add(const LeakyRelu& op) { append(op); }
  void add(const Softmax& op) { append(op); }
  /// Pool2D, Crop2D, Pad2D: ops of the graph as they stand.
  template <class ImageOp>
  void add(const ImageOp& op) {
    shape(4, "an image");
    append(op);
  }
  template <class Pair>
  void combine();

  const KerasFile& file_;
  const ReadOptions& options_;
  Graph graph_;
  std::map<std::string, ValueId> constants_;  // by name: a layer that is called again has the same
  std::set<std::string> names_;               // of nodes
  std::set<const KerasTensor*> used_;
  const KerasLayer* layer_ = nullptr;    // the layer in work,
  std::optional<KerasWeights> weights_;  // its weights,
  std::vector<ValueId> inputs_;          // what it is called with,
  ValueId current_ = kNoValue;           // the result so far,
  Shape final_shape_;                    // and the shape that it gets behind the activation; empty: the one it has
};

/// The layer's name, numbered when it is called again.
std::string Builder::node_name(const std::string& suffix) {
  const std::string name = layer_->name + suffix;
  std::string numbered = name;
  for (int i = 1; !names_.insert(numbered).second; ++i) numbered = name + "/" + std::to_string(i);
  return numbered;
}

ValueId Builder::input(const KerasLayer& layer) {
  layer_ = &layer;
  Shape shape = layer.input_shape;
  if (std::find(shape.begin(), shape.end(), -1) != shape.end())
    fail("the input's shape is left open (null); save the model with a fixed input_shape");
  shape.insert(shape.begin(), 1);
  if (bounded_count(shape) > kMaxElements) fail("the input " + shape_text(shape) + " is absurdly large");
  graph_.inputs.push_back(add_value(graph_, node_name(""), shape));
  return graph_.inputs.back();
}

/// `values()` is asked for once.
template <class Values>
ValueId Builder::constant(const std::string& what, Shape shape, const Values& values) {
  const std::string name = layer_->name + "/" + what;
  const auto known = constants_.find(name);
  if (known == constants_.end()) return constants_[name] = add_constant(graph_, name, std::move(shape), values());
  if (graph_.value(known->second).shape != shape)
    fail("is called again with another shape, for which " + what + " does not fit");
  return known->second;
}

/// A vector of the file, or one filled with `otherwise` where the layer goes without.
ValueId Builder::vector(const std::string& what, bool given, int count, float otherwise) {
  return constant(what, {count}, [&] {
    return given ? weights_->take(what, {count}).values : std::vector<float>(static_cast<size_t>(count), otherwise);
  });
}

ValueId Builder::transposed_kernel(const std::string& what, const Shape& expected, Shape shape) {
  return constant(what, std::move(shape),
                  [&] { return transposed(weights_->take(what, expected).values, static_cast<size_t>(expected.back())); });
}

void Builder::add(const KerasConvolution& layer) {
  const int channels = shape(4, "an image")[3], filters = layer.filters, h = layer.kernel_h, w = layer.kernel_w;
  const ValueId kernel = transposed_kernel("kernel", {h, w, channels, filters}, {filters, h, w, channels});
  append(layer.op, {kernel, vector("bias", layer.use_bias, filters, 0)});
}

void Builder::add(const KerasConvolution3D& layer) {
  const Shape own{layer.kernel_t, layer.kernel_h, layer.kernel_w, shape(5, "a sequence of images")[4], layer.filters};
  const ValueId kernel = constant("kernel", own, [&] { return weights_->take("kernel", own).values; });
  const ValueId bias = vector("bias", layer.use_bias, layer.filters, 0);
  current_ = append_conv3d(graph_, node_name(""), layer.op, current_, kernel, bias);
  final_shape_ = shape();
  final_shape_.insert(final_shape_.begin(), 1);
}

void Builder::add(const KerasDepthwise& layer) {
  const int channels = shape(4, "an image")[3], h = layer.kernel_h, w = layer.kernel_w;
  const bool separable = layer.filters > 0;
  const ValueId kernel = constant("depthwise_kernel", {1, h, w, channels}, [&] {
    return weights_->take("depthwise_kernel", {h, w, channels, 1}).values;
  });
  if (!separable) return append(layer.op, {kernel, vector("bias", layer.use_bias, channels, 0)});
  append(layer.op, {kernel, vector("depthwise_bias", false, channels, 0)}, "/depthwise");
  const ValueId pointwise =
      transposed_kernel("pointwise_kernel", {1, 1, channels, layer.filters}, {layer.filters, 1, 1, channels});
  append(Conv2D{}, {pointwise, vector("bias", layer.use_bias, layer.filters, 0)});
}

/// On the last dimension, as Keras has it; the others are rows.
void Builder::add(const KerasDense& layer) {
  if (shape().size() < 2) fail("gets " + shape_text(shape()) + " but needs a vector");
  const int inputs = shape().back();
  const Shape rows{static_cast<int>(element_count(shape()) / inputs), inputs};
  if (shape() != rows) {
    final_shape_ = shape();
    final_shape_.back() = layer.units;
    append(Reshape{rows}, {}, "/rows");
  }
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

void Builder::add(const KerasLstm& layer) {
  const int inputs = shape(3, "a sequence of vectors")[2], gates = 4 * layer.units;
  const ValueId kernel = transposed_kernel("kernel", {inputs, gates}, {gates, inputs});
  const ValueId recurrent = transposed_kernel("recurrent_kernel", {layer.units, gates}, {gates, layer.units});
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

void Builder::add(const KerasPool3D& layer) {
  current_ = append_pool3d(graph_, node_name(""), layer.op, layer.window_t, layer.stride_t, current_);
}

void Builder::add(const KerasGlobalPool& layer) {
  const Shape all = layer.has_time ? shape(5, "a sequence of images") : shape(4, "an image");
  const int height = all[all.size() - 3], width = all[all.size() - 2];
  const Pool2D pool{layer.kind, height, width, height, width};
  if (layer.has_time)
    current_ = append_pool3d(graph_, node_name(""), pool, all[1], all[1], current_);
  else
    append(pool);
  if (!layer.keep_dimensions) append(Reshape{{all[0], all.back()}}, {}, "/vector");
}

void Builder::add(const KerasReshape& layer) {
  const int64_t total = element_count(shape());
  Shape target = layer.target;
  target.insert(target.begin(), batch());
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

void Builder::add(const KerasPermute& layer) {
  if (layer.order.size() != shape().size()) fail("dims do not fit " + shape_text(shape()));
  append(Permute{layer.order});
}

void Builder::add(const KerasConcatenate& layer) {
  const int rank = static_cast<int>(shape().size()), axis = layer.axis < 0 ? layer.axis + rank : layer.axis;
  if (axis < 1 || axis >= rank)
    fail("axis is " + std::to_string(layer.axis) + ", which " + shape_text(shape()) + " does not have");
  if (inputs_.size() > 1) append(Concat{axis}, {inputs_.begin() + 1, inputs_.end()});
}

/// The largest first: the others may be repeated along it.
template <class Pair>
void Builder::combine() {
  const auto largest = std::ranges::max_element(inputs_, {}, [&](ValueId id) { return element_count(graph_.value(id).shape); });
  std::iter_swap(inputs_.begin(), largest);
  current_ = inputs_[0];
  for (size_t i = 1; i < inputs_.size(); ++i)
    append(Pair{}, {inputs_[i]}, i + 1 < inputs_.size() ? "/" + std::to_string(i) : "");
}

/// x·factor + offset, one for all channels or one for each. Of images a depthwise 1×1 convolution, which BatchNorm becomes too.
void Builder::scale(const std::vector<float>& factors, const std::vector<float>& offsets) {
  const int channels = shape().back();
  const auto per_channel = [&](const std::vector<float>& given) {
    if (given.size() == 1) return std::vector<float>(static_cast<size_t>(channels), given[0]);
    if (given.size() != static_cast<size_t>(channels))
      fail("has " + std::to_string(given.size()) + " numbers for " + std::to_string(channels) + " channels");
    return given;
  };
  const bool is_image = shape().size() == 4;
  const Shape factor_shape = is_image ? Shape{1, 1, 1, channels} : Shape{channels};
  const ValueId factor = constant("scale", factor_shape, [&] { return per_channel(factors); });
  const ValueId offset = constant("offset", {channels}, [&] { return per_channel(offsets); });
  if (is_image) return append(DepthwiseConv2D{}, {factor, offset});
  append(Mul{}, {factor}, "/scaled");
  append(Add{}, {offset});
}

void Builder::add(const KerasNormalization& layer) {
  constexpr float kLeastDeviation = 1e-7f;  // Keras' epsilon
  const int channels = shape().back();
  const bool given = !layer.mean.empty();
  const ValueId known = constants_.contains(layer_->name + "/scale") ? constants_[layer_->name + "/scale"] : kNoValue;
  const std::vector<float> mean = given || known != kNoValue ? layer.mean : weights_->take("mean", {channels}).values,
                           variance =
                               given || known != kNoValue ? layer.variance : weights_->take("variance", {channels}).values;
  std::vector<float> factors, offsets;
  for (size_t c = 0; c < std::min(mean.size(), variance.size()); ++c) {
    factors.push_back(1 / std::max(std::sqrt(variance[c]), kLeastDeviation));
    offsets.push_back(-mean[c] * factors.back());
  }
  scale(factors, offsets);
}

void Builder::add(const KerasFlatten&) { append(Reshape{{batch(), static_cast<int>(element_count(shape()) / batch())}}); }

void Builder::add(const KerasLambda&) {
  const auto found = options_.lambdas.find(layer_->name);
  if (found == options_.lambdas.end())
    fail("is a Lambda, whose Python bytecode is never run; say what it computes, as x·scale + offset, with --lambda " +
         layer_->name + "=scale,offset");
  scale({found->second.scale}, {found->second.offset});
}

ValueId Builder::call(const KerasLayer& layer, std::vector<ValueId> inputs) {
  layer_ = &layer;
  weights_.emplace(file_, layer);
  inputs_ = std::move(inputs);
  current_ = inputs_[0];
  final_shape_.clear();
  std::visit([&](const auto& kind) { add(kind); }, layer.kind);
  if (!std::ranges::all_of(weights_->all(), [&](const KerasTensor* tensor) { return used_.contains(tensor); }))
    weights_->finish();
  used_.insert(weights_->all().begin(), weights_->all().end());
  if (layer.activation) {
    const auto* activation = std::get_if<Activation>(&*layer.activation);
    const std::string name(activation                                           ? activation_name(activation->kind)
                           : std::holds_alternative<Softmax>(*layer.activation) ? "softmax"
                                                                                : "leaky_relu");
    append(*layer.activation, {}, "/" + name);
  }
  if (!final_shape_.empty()) append(Reshape{final_shape_}, {}, "/reshaped");
  return current_;
}

Graph Builder::build(const KerasNetwork& network) {
  std::vector<ValueId> results;
  for (const KerasCall& one : network.calls) {
    const KerasLayer& layer = network.layers[one.layer];
    std::vector<ValueId> from;
    for (const size_t source : one.inputs) from.push_back(results[source]);
    results.push_back(from.empty() ? input(layer) : call(layer, std::move(from)));
  }
  for (const size_t output : network.outputs) graph_.outputs.push_back(results[output]);
  for (const KerasLayerWeights& weights : file_.layers)
    for (const KerasTensor& tensor : weights.tensors)
      if (!used_.contains(&tensor))
        throw Error("layer '" + weights.layer + "': the file has weights '" + tensor.name +
                    "' that its configuration does not use");
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
    const auto same = [&](const KerasLayer& layer) {
      if (!file.has_paths) return layer.place.group == weights.layer;
      return layer.place.path == weights.layer || layer.place.path + "/cell" == weights.layer;
    };
    if (!weights.tensors.empty() && std::none_of(layers.begin(), layers.end(), same))
      throw Error("the file has weights for a layer '" + weights.layer + "' that its configuration does not have");
  }
}

void note_ranges(const std::vector<KerasLayer>& layers, const ReadOptions& options) {
  const auto count = std::ranges::count_if(layers, &KerasLayer::is_quantized);
  if (count > 0 && options.note)
    options.note("was trained quantization-aware (" + std::to_string(count) +
                 " layers): its weights are read, its ranges are not; calibrate it as any other network");
}

}  // namespace

Graph keras_graph(const KerasFile& file, const ReadOptions& options) {
  const KerasNetwork network = parse_keras_config(file.model_config, file.keras_version);
  refuse_unused_lambdas(network.layers, options);
  refuse_unused_weights(network.layers, file);
  note_ranges(network.layers, options);
  Graph graph = Builder(file, options).build(network);
  remove_unused(graph);
  verify(graph);
  return graph;
}

}  // namespace slimpilot
