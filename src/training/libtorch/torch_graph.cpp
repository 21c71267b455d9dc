// SPDX-License-Identifier: Apache-2.0
// The ops in libtorch, with gradients. Convolutions see NHWC tensors as NCHW ones in channels_last order, which moves no data
// and is oneDNN's fastest layout here.
#include "training/libtorch/torch_graph.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "base/error.h"
#include "graph/edit.h"
#include "training/libtorch/integer_forward.h"

namespace slimpilot {
namespace {

at::Tensor to_nchw(const at::Tensor& nhwc) { return nhwc.permute({0, 3, 1, 2}); }
at::Tensor to_nhwc(const at::Tensor& nchw) { return nchw.permute({0, 2, 3, 1}); }

at::Tensor activated(const at::Tensor& x, ActivationKind kind) {
  switch (kind) {
    case ActivationKind::none: return x;
    case ActivationKind::relu: return at::relu(x);
    case ActivationKind::relu6: return at::clamp(x, 0, 6);
    case ActivationKind::relu_n1_to_1: return at::clamp(x, -1, 1);
    case ActivationKind::relu_0_to_1: return at::clamp(x, 0, 1);
    case ActivationKind::elu: return at::elu(x);
    case ActivationKind::tanh: return at::tanh(x);
    case ActivationKind::sigmoid: return at::sigmoid(x);
    case ActivationKind::hard_sigmoid: return at::clamp(x * .2 + .5, 0, 1);
  }
  return x;
}

struct Window {
  int stride_h, stride_w;
  Padding padding;
};

/// The cells that a window needs around an image [N,H,W,C].
struct Edges {
  PaddedExtent rows, columns;
  Edges(const at::Tensor& nhwc, int window_h, int window_w, const Window& w)
      : rows(padded_extent(static_cast<int>(nhwc.size(1)), window_h, w.stride_h, w.padding)),
        columns(padded_extent(static_cast<int>(nhwc.size(2)), window_w, w.stride_w, w.padding)) {}
  bool is_symmetric() const { return rows.before == rows.after && columns.before == columns.after; }
  at::Tensor pad(const at::Tensor& nchw, double fill) const {
    return at::constant_pad_nd(nchw, {columns.before, columns.after, rows.before, rows.after}, fill);
  }
};

/// Weights OHWI, or of a depthwise convolution [C,KH,KW,1] with as many groups as channels.
at::Tensor convolve(const at::Tensor& x, const at::Tensor& weights, const at::Tensor& bias, const Window& window) {
  const Edges edges(x, static_cast<int>(weights.size(1)), static_cast<int>(weights.size(2)), window);
  const bool inside = edges.is_symmetric();  // then the convolution pads, else a copy of the image is padded
  const std::array<int64_t, 2> stride{window.stride_h, window.stride_w};
  const std::array<int64_t, 2> padding{inside ? edges.rows.before : 0, inside ? edges.columns.before : 0};
  const at::Tensor image = inside ? to_nchw(x) : edges.pad(to_nchw(x), 0);
  const std::array<int64_t, 2> dilation{1, 1};
  return to_nhwc(at::conv2d(image, to_nchw(weights), bias, stride, padding, dilation, x.size(3) / weights.size(3)));
}

at::Tensor pool(const at::Tensor& x, const Pool2D& op) {
  const Window window{op.stride_h, op.stride_w, op.padding};
  const Edges edges(x, op.window_h, op.window_w, window);
  const int64_t size[] = {op.window_h, op.window_w}, stride[] = {op.stride_h, op.stride_w};
  if (op.kind == PoolKind::max)
    return to_nhwc(at::max_pool2d(edges.pad(to_nchw(x), -std::numeric_limits<float>::infinity()), size, stride));
  const auto sum = [&](const at::Tensor& cells) {
    return at::avg_pool2d(edges.pad(cells, 0), size, stride, 0, false, true, 1);
  };
  if (edges.rows.before + edges.rows.after + edges.columns.before + edges.columns.after == 0)
    return to_nhwc(sum(to_nchw(x)) / (op.window_h * op.window_w));
  return to_nhwc(sum(to_nchw(x)) / sum(at::ones({1, 1, x.size(1), x.size(2)})));
}

/// The definition in graph/op.h, batch in front. The first step's state is zero, so it needs no recurrent convolution.
at::Tensor conv_lstm(const at::Tensor& x, const std::vector<at::Tensor>& constants, const ConvLstm2D& op) {
  const at::Tensor &kernel = constants[0], &recurrent = constants[1], &bias = constants[2];
  at::Tensor hidden, cell;
  std::vector<at::Tensor> sequence;
  for (int64_t t = 0; t < x.size(1); ++t) {
    at::Tensor gates = convolve(x.select(1, t), kernel, bias, {op.stride_h, op.stride_w, op.padding});
    if (t > 0) gates = gates + convolve(hidden, recurrent, at::zeros_like(bias), {1, 1, Padding::same});
    const auto parts = gates.chunk(4, 3);
    const auto gate = [&](size_t i) { return activated(parts[i], op.recurrent_activation); };
    const at::Tensor added = gate(0) * activated(parts[2], op.activation);
    cell = t > 0 ? gate(1) * cell + added : added;
    hidden = gate(3) * activated(cell, op.activation);
    if (op.return_sequences) sequence.push_back(hidden);
  }
  return op.return_sequences ? at::stack(sequence, 1) : hidden;
}

/// A ConvLSTM of images of one pixel.
at::Tensor lstm(const at::Tensor& x, std::vector<at::Tensor> constants, const Lstm& op) {
  for (size_t i = 0; i < 2; ++i) constants[i] = constants[i].unsqueeze(1).unsqueeze(1);
  const at::Tensor y = conv_lstm(
      x.unsqueeze(2).unsqueeze(2), constants,
      {.activation = op.activation, .recurrent_activation = op.recurrent_activation, .return_sequences = op.return_sequences});
  return y.flatten(-3);
}

/// `constants`: gamma, beta (both undefined: 1 and 0), mean, variance.
at::Tensor batch_norm(const at::Tensor& x, const std::vector<at::Tensor>& constants, float epsilon, const ForwardMode& mode) {
  const bool is_image = x.dim() == 4;
  at::Tensor rows = is_image ? to_nchw(x) : x.reshape({-1, x.size(-1)});
  constexpr int64_t few = 16;  // libtorch takes 100 ms for 64 images 66×200×3 in channels_last order, 10 ms channel by channel
  if (is_image && x.size(3) < few) rows = rows.contiguous();
  const at::Tensor y = at::batch_norm(rows, constants[0], constants[1], constants[2], constants[3], mode.training,
                                      mode.statistics_momentum, epsilon, false);
  return is_image ? to_nhwc(y) : y.reshape(x.sizes());
}

/// `from`: the input's shape in the graph, of which `x` has as many as there are images.
at::Tensor reshape(const at::Tensor& x, const Shape& from, const Shape& to) {
  std::vector<int64_t> sizes(to.begin(), to.end());
  sizes[0] *= x.size(0) / from[0];
  return x.reshape(sizes);
}

at::Tensor permute(const at::Tensor& x, const std::vector<int>& order) {
  return x.permute(std::vector<int64_t>(order.begin(), order.end()));
}

bool is_trainable(const Op& op, size_t input) {
  return std::visit(
      Overloaded{[&](const BatchNorm&) { return input < 3; }, [](const Conv2D&) { return true; },
                 [](const DepthwiseConv2D&) { return true; }, [](const Dense&) { return true; },
                 [](const ConvLstm2D&) { return true; }, [](const Lstm&) { return true; }, [](const auto&) { return false; }},
      op);
}

[[noreturn]] void fail(const Node& node, const std::string& what) {
  throw Error("layer '" + node.name + "' (" + std::string(op_name(node.op)) + "): " + what);
}

bool is_real_or_integer(const Value& value) { return value.type == ElementType::f32 || value.quantization.has_value(); }

/// Whether the first dimension, which training multiplies by the number of images, is more than their number.
bool mixes_images(const Graph& graph, const Node& node) {
  if (const auto* concat = std::get_if<Concat>(&node.op)) return concat->axis == 0;
  if (const auto* permute = std::get_if<Permute>(&node.op)) return permute->order[0] != 0;
  if (!std::holds_alternative<Add>(node.op) && !std::holds_alternative<Mul>(node.op)) return false;
  const Shape &a = graph.value(node.inputs[0]).shape, &b = graph.value(node.inputs[1]).shape;
  return graph.value(node.inputs[1]).is_constant() && a.size() == b.size() && b[0] > 1;
}

void refuse_untrainable(const Graph& graph) {
  if (graph.inputs.size() != 1) throw Error("only networks with one input can be trained");
  for (const Node& node : graph.nodes) {
    for (const ValueId id : node.inputs)
      if (!is_real_or_integer(graph.value(id)))
        fail(node, "reads " + std::string(type_name(graph.value(id).type)) +
                       " numbers; only float32 and integer models can be trained");
    if (keeps_state(node.op)) fail(node, "keeps its state from frame to frame, but training takes frames in any order");
    const Shape& shape = graph.value(node.output).shape;
    if (shape.empty() || graph.value(node.inputs[0]).shape.empty()) fail(node, "has no batch dimension in front");
    if (mixes_images(graph, node)) fail(node, "combines several images of a batch, with which training works");
  }
}

template <class T>
void store_rounded(Value& value, const float* reals) {
  constexpr int64_t most = 1 << 30;
  const std::vector<float>& scale = value.quantization->scale;
  const std::span<T> integers = value.elements<T>();
  for (size_t i = 0; i < integers.size(); ++i) {
    const double steps = reals[i] / static_cast<double>(scale[i % scale.size()]);
    integers[i] = static_cast<T>(std::clamp<int64_t>(std::llround(steps), -most, most));
  }
}

/// The constant from its real numbers: as they are, or the nearest integers (weights: −127…127; biases: at most 30 bits).
void store(Value& value, const at::Tensor& reals) {
  const float* const first = reals.data_ptr<float>();
  switch (value.type) {
    case ElementType::f32: std::memcpy(value.data.data(), first, value.data.size()); return;
    case ElementType::s8: {
      const at::Tensor steps = at::clamp(at::round(reals.detach() / scale_tensor(value)), -127, 127).to(at::kChar).contiguous();
      std::memcpy(value.data.data(), steps.data_ptr<int8_t>(), value.data.size());
      return;
    }
    case ElementType::s32: return store_rounded<int32_t>(value, first);
    case ElementType::s64: return store_rounded<int64_t>(value, first);
    default: check(false);
  }
}

at::Tensor real_tensor(const Value& value) {
  const std::vector<int64_t> shape(value.shape.begin(), value.shape.end());
  const auto is_zero = [](int32_t zero_point) { return zero_point == 0; };
  if (value.type == ElementType::s8 && value.quantization && std::ranges::all_of(value.quantization->zero_point, is_zero)) {
    auto* const elements = const_cast<std::byte*>(value.data.data());  // from_blob wants it so
    return at::from_blob(elements, shape, at::kChar).to(at::kFloat) * scale_tensor(value);
  }
  const std::vector<float> reals = constant_as_floats(value);
  at::Tensor tensor = at::empty(shape, at::kFloat);
  std::memcpy(tensor.data_ptr<float>(), reals.data(), reals.size() * sizeof(float));
  return tensor;
}

/// `value` with the gradient of `x`.
at::Tensor straight_through(const at::Tensor& x, const at::Tensor& value) { return x + (value - x).detach(); }

}  // namespace

TorchGraph::TorchGraph(const Graph& graph, const Options& options) : graph_(graph) {
  refuse_untrainable(graph_);
  std::map<ValueId, bool> trainable;
  for (const Node& node : graph_.nodes) {
    for (size_t i = 0; i < node.inputs.size(); ++i)
      if (graph_.value(node.inputs[i]).is_constant()) trainable[node.inputs[i]] |= is_trainable(node.op, i);
    for (const DropoutAt& d : options.dropout)
      if (d.node == node.name) dropout_[node.name] = d.rate;
  }
  check(dropout_.size() == options.dropout.size());
  find_input_norm();
  for (const auto& [id, is_weight] : trainable) {
    const Value& value = graph_.value(id);
    is_integer_ |= value.quantization.has_value();
    at::Tensor tensor = real_tensor(value);
    tensor.set_requires_grad(is_weight);
    parameters_.push_back({id, value.name, is_weight, tensor});
  }
  if (!options.learn_ranges) return;
  if (!is_integer_) throw Error("only the ranges of a quantized network can be learned; quantize it first");
  ranges_.emplace(graph_);
  for (const LearnedRanges::Scale& scale : ranges_->scales())
    parameters_.push_back({kNoValue, scale.name, true, scale.log_factor});
}

void TorchGraph::find_input_norm() {
  for (const Node& norm : graph_.nodes) {
    const auto readers = consumers_of(graph_, norm.output);
    if (!std::holds_alternative<BatchNorm>(norm.op) || norm.inputs[0] != graph_.inputs[0] || readers.size() != 1 ||
        is_output(graph_, norm.output) || dropout_.contains(norm.name))
      continue;
    const Node& reader = graph_.nodes[static_cast<size_t>(readers[0])];
    const auto* op = std::get_if<Conv2D>(&reader.op);
    if (op != nullptr && op->padding == Padding::valid && !dropout_.contains(reader.name))
      input_norm_ = {norm.output, reader.output, norm.inputs[1], norm.inputs[2]};
  }
}

at::Tensor TorchGraph::convolution(const Conv2D& op, const Node& node, const at::Tensor& x, const Tensors& tensors) const {
  const auto tensor = [&](ValueId id) { return tensors[static_cast<size_t>(id)]; };
  at::Tensor weights = tensor(node.inputs[1]), bias = tensor(node.inputs[2]);
  if (input_norm_ && input_norm_->convolution == node.output) {
    bias = bias + (weights * tensor(input_norm_->beta)).sum({1, 2, 3});
    weights = weights * tensor(input_norm_->gamma);
  }
  return activated(convolve(x, weights, bias, {op.stride_h, op.stride_w, op.padding}), op.activation);
}

at::Tensor TorchGraph::compute(const Node& node, const Tensors& tensors, const ForwardMode& mode) const {
  const auto input = [&](size_t i) -> const at::Tensor& { return tensors[static_cast<size_t>(node.inputs[i])]; };
  at::Tensor x = input(0);
  if (const auto found = dropout_.find(node.name); mode.training && found != dropout_.end()) {
    const double kept = 1 - found->second;
    x = x * (at::empty(x.sizes(), at::kFloat).bernoulli_(kept, *mode.generator) / kept);
  }
  std::vector<at::Tensor> constants;
  for (size_t i = 1; i < node.inputs.size(); ++i) constants.push_back(input(i));
  return std::visit(
      Overloaded{
          [&](const Conv2D& op) { return convolution(op, node, x, tensors); },
          [&](const DepthwiseConv2D& op) {
            const at::Tensor weights = constants[0].permute({3, 1, 2, 0});
            return activated(convolve(x, weights, constants[1], {op.stride_h, op.stride_w, op.padding}), op.activation);
          },
          [&](const Dense& op) { return activated(at::linear(x, constants[0], constants[1]), op.activation); },
          [&](const ConvLstm2D& op) { return conv_lstm(x, constants, op); },
          [&](const Lstm& op) { return lstm(x, constants, op); },
          [&](const Pool2D& op) { return pool(x, op); },
          [&](const BatchNorm& op) {
            if (input_norm_ && input_norm_->norm == node.output) constants[0] = constants[1] = at::Tensor();
            return batch_norm(x, constants, op.epsilon, mode);
          },
          [&](const Activation& op) { return activated(x, op.kind); },
          [&](const Reshape& op) { return reshape(x, graph_.value(node.inputs[0]).shape, op.shape); },
          [&](const Crop2D& op) { return x.slice(1, op.top, x.size(1) - op.bottom).slice(2, op.left, x.size(2) - op.right); },
          [&](const Pad2D& op) {
            return at::constant_pad_nd(x, {0, 0, op.left, op.right, op.top, op.bottom}, 0);
          },
          [&](const Add&) { return x + constants[0]; },
          [&](const Mul&) { return x * constants[0]; },
          [&](const LeakyRelu& op) { return at::leaky_relu(x, op.alpha); },
          [&](const Softmax&) { return at::softmax(x, -1); },
          [&](const Concat& op) {
            std::vector<at::Tensor> parts = constants;
            parts.insert(parts.begin(), x);
            return at::cat(parts, op.axis);
          },
          [&](const Permute& op) { return permute(x, op.order); },
          [&](const Quantize&) { return x; },
          [&](const Dequantize&) { return x; },
          [&](const auto&) -> at::Tensor { fail(node, "cannot be trained"); },
      },
      node.op);
}

at::Tensor TorchGraph::forward(const at::Tensor& images, const ForwardMode& mode) const {
  if (is_integer_) return forward_integer(images);
  Tensors tensors(graph_.values.size());
  for (const Parameter& p : parameters_) tensors[static_cast<size_t>(p.value)] = p.tensor;
  tensors[static_cast<size_t>(graph_.inputs[0])] = images;
  for (const Node& node : graph_.nodes) tensors[static_cast<size_t>(node.output)] = compute(node, tensors, mode);
  return outputs_of(tensors);
}

at::Tensor TorchGraph::forward_integer(const at::Tensor& images) const {
  const Graph rounded = to_graph();
  Tensors engine = integer_forward(rounded, images);
  if (!at::GradMode::is_enabled()) return outputs_of(engine);
  Tensors tensors(graph_.values.size());
  for (const Parameter& p : parameters_) {
    if (p.value == kNoValue) continue;
    const Value& value = rounded.value(p.value);
    tensors[static_cast<size_t>(p.value)] =
        value.quantization ? as_integers(p.value, p.tensor, rounded, real_tensor(value)) : p.tensor;
  }
  const Value& input = graph_.value(graph_.inputs[0]);
  tensors[static_cast<size_t>(graph_.inputs[0])] = input.quantization ? as_quantized(images, input) : images;
  for (const Node& node : graph_.nodes) {
    const auto id = static_cast<size_t>(node.output);
    const at::Tensor y = compute(node, tensors, {.training = false});
    tensors[id] = engine[id].defined() ? as_integers(node.output, y, rounded, engine[id]) : y;
  }
  return outputs_of(tensors);
}

/// `result`, the real numbers of value `id`'s integers, with the gradient of `x`, and none where an integer is at its end. A
/// learned scale gets the rest: how far rounding moved x, in steps, and where it is cut the steps up to there.
at::Tensor TorchGraph::as_integers(ValueId id, const at::Tensor& x, const Graph& rounded, const at::Tensor& result) const {
  const Value& value = rounded.value(id);
  if (!value.quantization) return straight_through(x, result);
  const bool is_activation = !value.is_constant();
  const at::Tensor scale = ranges_ ? ranges_->scale_of(graph_, id) : at::Tensor();
  if (!scale.defined()) {
    const RealRange range = real_range(value);
    return straight_through(is_activation ? at::clamp(x, range.low, range.high) : x, result);
  }
  const auto [low, high] = integer_range(value.type);
  const int zero = is_activation ? value.quantization->zero_point[0] : 0;
  const at::Tensor steps = at::clamp(x / scale, is_activation ? low - zero : -high, high - zero);
  return straight_through(steps, result / scale.detach()) * scale;
}

at::Tensor TorchGraph::outputs_of(const Tensors& tensors) const {
  std::vector<at::Tensor> outputs;
  for (const ValueId id : graph_.outputs) {
    const at::Tensor& output = tensors[static_cast<size_t>(id)];
    outputs.push_back(output.reshape({output.size(0), -1}));
  }
  return outputs.size() == 1 ? outputs[0] : at::cat(outputs, 1);
}

Graph TorchGraph::to_graph() const {
  Graph graph = graph_;
  if (ranges_) ranges_->store(graph);
  for (const Parameter& p : parameters_) {
    const bool follows = p.value != kNoValue && (p.trainable || !graph.value(p.value).quantization);
    if (follows) store(graph.value(p.value), p.tensor);
  }
  return graph;
}

}  // namespace slimpilot
