// SPDX-License-Identifier: Apache-2.0
// ONNX operators with weights or windows: convolutions, dense layers, BatchNormalization, pooling. Weights are turned into the
// graph's order here.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "formats/onnx_reading.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

constexpr int64_t kLargestWindow = 1 << 16;  // of strides and windows: far beyond any image, far from overflow

/// Input 0 as channels-first image; sequences N x C x L are images of one row.
Shape image_shape(const OnnxNodeReader& n) {
  const Shape& x = n.shape(0);
  n.need(x.size() == 3 || x.size() == 4,
         "gets " + shape_text(x) + "; slimpilot computes images and sequences, of two dimensions and one, here");
  return x.size() == 4 ? x : Shape{x[0], x[1], 1, x[2]};
}

/// The same as a value [N,H,W,C].
ValueId image_of(OnnxNodeReader& n) {
  const Shape x = image_shape(n);
  return n.reshape_to(n.image(0), permuted_shape(x, channels_last(4)), "/image");
}

/// An image as the result, of as many dimensions as input 0.
void set_result(OnnxNodeReader& n, ValueId id) {
  if (n.shape(0).size() == 4) return n.set_image_output(id);
  const Shape& y = n.graph().value(id).shape;
  n.set_output(id, transposed(plain_layout({y[0], y[2], y[3]}), channels_first(3)));
}

/// Two numbers of an attribute, for rows and columns; a sequence has columns alone.
std::array<int, 2> pair_of(const OnnxNodeReader& n, std::string_view name, int otherwise) {
  const auto given = n.integers(name);
  if (!given) return {otherwise, otherwise};
  const size_t count = n.shape(0).size() - 2;
  n.need(given->size() == count, std::string(name) + " needs a number per dimension");
  for (const int64_t one : *given)
    n.need(one > 0 && one <= kLargestWindow, std::string(name) + " of " + std::to_string(one) + " is absurd");
  return {count == 1 ? 1 : static_cast<int>((*given)[0]), static_cast<int>(given->back())};
}

struct Window {
  std::array<int, 2> extent, stride;
  Padding padding = Padding::valid;
  Pad2D edges;  // what has to be added before, where `padding` cannot say it
  bool is_padded() const { return edges != Pad2D{}; }
};

/// Rows and columns to add on both sides, in one direction.
std::array<int, 2> edges_of(const OnnxNodeReader& n, const Window& window, int input, size_t d) {
  const std::string automatic = n.text("auto_pad", "NOTSET");
  if (automatic == "VALID") return {0, 0};
  const PaddedExtent same = padded_extent(input, window.extent[d], window.stride[d], Padding::same);
  if (automatic == "SAME_UPPER") return {same.before, same.after};
  if (automatic == "SAME_LOWER") return {same.after, same.before};
  n.need(automatic == "NOTSET", "auto_pad '" + automatic + "' is unknown");
  auto pads = n.integers("pads");
  if (!pads) return {0, 0};
  n.need(pads->size() == 2 * (n.shape(0).size() - 2), "pads needs two numbers per dimension");
  if (pads->size() == 2) pads = {0, (*pads)[0], 0, (*pads)[1]};
  for (const int64_t one : *pads)
    n.need(one >= 0 && one <= kLargestWindow, "a padding of " + std::to_string(one) + " is absurd");
  return {static_cast<int>((*pads)[d]), static_cast<int>((*pads)[d + 2])};
}

/// Cells that are added behind and that no window reaches (ONNX allows them) change nothing and are left out.
Window window_of(const OnnxNodeReader& n, std::array<int, 2> extent) {
  const Shape x = image_shape(n);
  Window window{.extent = extent, .stride = pair_of(n, "strides", 1)};
  for (const int one : pair_of(n, "dilations", 1)) n.need(one == 1, "is dilated, which slimpilot does not compute");
  std::array<std::array<int, 2>, 2> edges;
  bool is_valid = true, is_same = true;
  for (size_t d = 0; d < 2; ++d) {
    edges[d] = edges_of(n, window, x[d + 2], d);
    const PaddedExtent same = padded_extent(x[d + 2], extent[d], window.stride[d], Padding::same);
    is_valid = is_valid && edges[d] == std::array{0, 0};
    is_same = is_same && edges[d] == std::array{same.before, same.after};
  }
  if (is_valid) return window;
  if (is_same)
    window.padding = Padding::same;
  else
    window.edges = {edges[0][0], edges[0][1], edges[1][0], edges[1][1]};
  return window;
}

/// Input 0 as an image with the window's edges.
ValueId padded_image(OnnxNodeReader& n, const Window& window) {
  const ValueId id = image_of(n);
  return window.is_padded() ? n.append(window.edges, {id}, "/padded") : id;
}

void need_image(const OnnxNodeReader& n) {
  n.need(n.shape(0).size() == 4, "gets " + shape_text(n.shape(0)) + "; slimpilot computes images of two dimensions here");
}

void need_weight_type(const OnnxNodeReader& n, const Value& w) {
  const bool real = w.type == ElementType::f32 || w.type == ElementType::f16;
  n.need(real || (w.type == ElementType::s8 && w.quantization),
         "its weights are " + std::string(type_name(w.type)) + "; quantize them to int8");
}

/// Input i, one number per output, or zeros where the file has none.
ValueId bias(OnnxNodeReader& n, size_t i, int count) {
  if (!n.has_input(i)) {
    const ValueId zeros = n.add_filled("/bias", {count}, 0);
    n.reading().filled_biases.insert(zeros);
    return zeros;
  }
  Value given = n.constant(i);
  n.need(element_count(given.shape) == count || element_count(given.shape) == 1,
         "its bias has " + shape_text(given.shape) + " numbers instead of " + std::to_string(count));
  n.reading().take({count}, element_size(given.type));
  if (element_count(given.shape) != count) {
    given.shape = {};
    given = broadcast(given, {count});
  }
  given.shape = {count};
  if (given.quantization && given.quantization->axis >= 0) {
    n.need(std::ssize(given.quantization->scale) == count, "its bias has other scales than one per number");
    given.quantization->axis = 0;
  }
  return n.add(std::move(given));
}

void read_conv(OnnxNodeReader& n) {
  const Shape x = image_shape(n);
  const Value& w = n.constant(1);
  n.need(w.shape.size() == n.shape(0).size() && element_count(w.shape) > 0,
         "weights must have as many dimensions as the input, " + std::to_string(n.shape(0).size()));
  Shape extents = w.shape;
  if (extents.size() == 3) extents.insert(extents.begin() + 2, 1);
  n.need(std::max(extents[2], extents[3]) <= kLargestWindow, "a window of " + shape_text(w.shape) + " is absurd");
  need_weight_type(n, w);
  const int64_t groups = n.integer("group", 1);
  const int channels = x[1], filters = w.shape[0];
  const bool depthwise = groups != 1;
  n.need(!depthwise || (groups == channels && filters == channels && w.shape[1] == 1),
         "has " + std::to_string(groups) + " groups of " + std::to_string(filters) +
             " filters; slimpilot computes one group, or as many as channels and filters");
  const Window window = window_of(n, {extents[2], extents[3]});
  n.reading().take(w.data.size());
  const std::vector<int> order = depthwise ? std::vector<int>{1, 2, 3, 0} : std::vector<int>{0, 2, 3, 1};
  n.need(!w.quantization || w.quantization->axis <= 0,
         "its weights are quantized along dimension " + std::to_string(w.quantization ? w.quantization->axis : 0));
  const ValueId weights = n.add(permuted(w, extents, order, permuted_shape(extents, order), depthwise ? 3 : 0));
  const std::vector<ValueId> inputs{padded_image(n, window), weights, bias(n, 2, filters)};
  const Op op = depthwise ? Op(DepthwiseConv2D{window.stride[0], window.stride[1], window.padding})
                          : Op(Conv2D{window.stride[0], window.stride[1], window.padding});
  set_result(n, n.append(op, inputs));
}

/// Rows times weights: `outputs_first` [O,I] or [I,O], which is turned; the order of what is flattened in front of it goes into
/// the weights.
void append_dense(OnnxNodeReader& n, const Value& w, bool outputs_first, size_t bias_input) {
  n.need(w.shape.size() == 2 && element_count(w.shape) > 0, "weights must have two dimensions");
  need_weight_type(n, w);
  const OnnxOperand x = n.input(0);
  const int inputs = w.shape[outputs_first ? 1 : 0], outputs = w.shape[outputs_first ? 0 : 1];
  n.need(!x.shape().empty() && x.shape().back() == inputs,
         "weights " + shape_text(w.shape) + " do not fit the input " + shape_text(x.shape()));
  n.need(!w.quantization || w.quantization->axis < 0 || w.quantization->axis == (outputs_first ? 0 : 1),
         "its weights are quantized along the inputs");
  const Shape rows{static_cast<int>(element_count(x.shape()) / inputs), inputs};
  const bool flattened = rows[0] == 1 && !x.layout.is_plain();
  // The weights' inputs as the factors that they are in the tensor, then in the value.
  Shape extents = flattened ? permuted_shape(x.layout.factors, x.layout.order) : Shape{inputs};
  std::vector<int> order(extents.size(), 0);
  if (flattened) order = inverse(x.layout.order);
  const int shift = outputs_first ? 1 : 0;
  for (int& d : order) d += shift;
  extents.insert(outputs_first ? extents.begin() : extents.end(), outputs);
  order.insert(order.begin(), outputs_first ? 0 : static_cast<int>(extents.size()) - 1);
  n.reading().take(w.data.size());
  const ValueId weights = n.add(permuted(w, extents, order, {outputs, inputs}));
  const ValueId source = n.reshape_to(flattened ? x.id : n.plain(0), rows, "/rows");
  const ValueId id = n.append(Dense{}, {source, weights, bias(n, bias_input, outputs)});
  Shape shape = x.shape();
  shape.back() = outputs;
  n.set_output(id, plain_layout(shape));
}

void read_matmul(OnnxNodeReader& n) { append_dense(n, n.constant(1), false, 2); }

Value scaled(OnnxNodeReader& n, const Value& constant, float factor) {
  if (factor == 1) return constant;
  n.reading().take(constant.shape, sizeof(float));
  std::vector<float> numbers = reals_of(constant);
  for (float& number : numbers) number *= factor;
  return real_constant(constant.name, constant.shape, numbers);
}

void read_gemm(OnnxNodeReader& n) {
  n.need(n.integer("transA", 0) == 0 && n.shape(0).size() == 2, "transposes its first input or has no rows");
  n.need(n.real("beta", 1) == 1, "multiplies its bias by other than 1");
  append_dense(n, scaled(n, n.constant(1), n.real("alpha", 1)), n.integer("transB", 0) != 0, 2);
}

/// Vectors of one number per channel; of what is flattened, one per number, in the value's order.
void read_batch_norm(OnnxNodeReader& n) {
  const OnnxOperand x = n.input(0);
  const size_t rank = x.shape().size();
  n.need(rank >= 2, "gets " + shape_text(x.shape()));
  n.need(n.integer("training_mode", 0) == 0, "is in training mode; export the network for inference");
  const float epsilon = n.real("epsilon", 1e-5f);
  const int channels = x.shape()[1];
  const bool flattened = rank == 2 && !x.layout.is_plain();
  std::vector<ValueId> inputs{flattened ? x.id : rank == 2 ? n.plain(0) : n.image(0)};
  for (size_t i = 1; i < 5; ++i) {
    const Value& given = n.constant(i);
    n.need(element_count(given.shape) == channels,
           "has " + shape_text(given.shape) + " numbers for " + std::to_string(channels) + " channels");
    n.reading().take(given.shape, 2 * sizeof(float));
    Value vector = real_constant(given.name, {channels}, reals_of(given));
    if (flattened)
      vector = permuted(vector, permuted_shape(x.layout.factors, x.layout.order), inverse(x.layout.order), {channels});
    inputs.push_back(n.add(std::move(vector)));
  }
  for (const float one : n.graph().value(inputs[4]).elements<float>())
    n.need(one + epsilon > 0, "a variance is not positive; the file is damaged");
  const ValueId id = n.append(BatchNorm{epsilon}, inputs);
  if (rank > 2) return n.set_image_output(id);
  n.set_output(id, x.layout);
}

/// Whether no element can be below zero, so that zeros around an image are as good as nothing for a maximum.
bool is_nonnegative(const Graph& graph, ValueId value) {
  for (auto node_at = graph.nodes.rbegin(); node_at != graph.nodes.rend(); ++node_at) {  // once: producers come first
    const Node& node = *node_at;
    if (node.output != value) continue;
    if (const auto* activation = std::get_if<Activation>(&node.op)) {
      const ActivationKind kind = activation->kind;
      return (is_clamp(kind) && clamp_range(kind).low >= 0) || kind == ActivationKind::sigmoid ||
             kind == ActivationKind::hard_sigmoid;
    }
    const bool keeps = std::holds_alternative<Pool2D>(node.op) || std::holds_alternative<Pad2D>(node.op) ||
                       std::holds_alternative<Crop2D>(node.op) || std::holds_alternative<Reshape>(node.op) ||
                       std::holds_alternative<Permute>(node.op) || std::holds_alternative<Quantize>(node.op) ||
                       std::holds_alternative<Dequantize>(node.op);
    if (!keeps) return false;
    value = node.inputs[0];
  }
  return false;
}

/// With ceil_mode: rows and columns that the last window reaches beyond the image.
int overhang(int input, int window, int stride) {
  const int output = (std::max(0, input - window) + stride - 1) / stride + 1;
  return std::max(0, (output - 1) * stride + window - input);
}

void read_pool(OnnxNodeReader& n, PoolKind kind) {
  const Shape x = image_shape(n);
  n.need(n.node().outputs.size() == 1, "yields indices, which slimpilot does not compute");
  n.need(n.integer("storage_order", 0) == 0, "stores columns first");
  const auto extent = pair_of(n, "kernel_shape", 0);
  n.need(extent[0] > 0, "has no kernel_shape");
  Window window = window_of(n, extent);
  const bool max = kind == PoolKind::max, counts_edges = n.integer("count_include_pad", 0) != 0;
  if (n.integer("ceil_mode", 0) != 0 && window.padding == Padding::valid) {
    const int bottom = overhang(x[2] + window.edges.top + window.edges.bottom, extent[0], window.stride[0]);
    const int right = overhang(x[3] + window.edges.left + window.edges.right, extent[1], window.stride[1]);
    n.need(max || (bottom == 0 && right == 0), "averages windows that reach beyond the image (ceil_mode)");
    window.edges.bottom += bottom;
    window.edges.right += right;
  }
  if (!max && counts_edges && window.padding == Padding::same) {  // the graph's averages do not count what is outside
    const PaddedExtent rows = padded_extent(x[2], extent[0], window.stride[0], Padding::same),
                       columns = padded_extent(x[3], extent[1], window.stride[1], Padding::same);
    window.padding = Padding::valid;
    window.edges = {rows.before, rows.after, columns.before, columns.after};
  }
  n.need(max || counts_edges || !window.is_padded(),
         "averages at edges that it does not count; only those of `same` padding are known");
  const ValueId image = image_of(n);
  n.need(!max || !window.is_padded() || is_nonnegative(n.graph(), image),
         "has padding other than `same` in front of numbers that may be negative");
  const ValueId padded = window.is_padded() ? n.append(window.edges, {image}, "/padded") : image;
  set_result(n, n.append(Pool2D{kind, extent[0], extent[1], window.stride[0], window.stride[1], window.padding}, {padded}));
}

/// Over all of the image, which stands as [N,H,W,C].
ValueId append_global_pool(OnnxNodeReader& n, ValueId image, PoolKind kind) {
  const Shape& x = n.graph().value(image).shape;
  return n.append(Pool2D{kind, x[1], x[2], 1, 1, Padding::valid}, {image});
}

void read_global_pool(OnnxNodeReader& n, PoolKind kind) { set_result(n, append_global_pool(n, image_of(n), kind)); }

/// ReduceMean and ReduceMax over rows and columns, wherever these stand.
void read_reduction(OnnxNodeReader& n, PoolKind kind) {
  need_image(n);
  std::vector<size_t> axes;
  for (const int64_t axis : n.integers("axes", 1).value_or(std::vector<int64_t>())) axes.push_back(axis_of(axis, 4));
  std::ranges::sort(axes);
  const bool channels_are_last = axes == std::vector<size_t>{1, 2};
  n.need(channels_are_last || axes == std::vector<size_t>{2, 3}, "reduces other dimensions than an image's rows and columns");
  const ValueId id = append_global_pool(n, channels_are_last ? n.plain(0) : n.image(0), kind);
  Shape shape = n.shape(0);
  if (n.integer("keepdims", 1) == 0) return n.set_output(id, plain_layout({shape[0], shape[channels_are_last ? 3 : 1]}));
  for (const size_t axis : axes) shape[axis] = 1;
  n.set_output(id, plain_layout(shape));
}

/// Weights [1,4F,I] with gates i, o, f, c as [4F,I] with i, f, c, o; a bias [1,8F], the sum of two, as [4F].
ValueId lstm_weight(OnnxNodeReader& n, size_t i, Shape shape) {
  const auto block = static_cast<size_t>(element_count(shape)) / 4;
  if (!n.has_input(i)) return n.add_filled("/bias", std::move(shape), 0);
  const Value& given = n.constant(i);
  const size_t parts = i == 3 ? 2 : 1;
  n.need(static_cast<size_t>(element_count(given.shape)) == 4 * parts * block,
         "its weights " + shape_text(given.shape) + " do not fit");
  n.reading().take(given.shape, 2 * sizeof(float));
  const std::vector<float> numbers = reals_of(given);
  std::vector<float> turned;
  for (const size_t gate : {0, 2, 3, 1})
    for (size_t k = gate * block; k < (gate + 1) * block; ++k)
      turned.push_back(numbers[k] + (parts == 2 ? numbers[k + 4 * block] : 0));
  return n.add(real_constant(given.name, std::move(shape), turned));
}

/// Input [T,1,I]; outputs: all steps [T,1,1,F], the last one [1,1,F]. One of them must be read.
void read_lstm(OnnxNodeReader& n) {
  n.need(n.text("direction", "forward") == "forward" && n.integer("layout", 0) == 0, "runs backwards or has another layout");
  for (const char* name : {"activations", "activation_alpha", "activation_beta", "clip"})
    n.need(!n.attribute(name), std::string("has the attribute ") + name + "; slimpilot computes sigmoid, tanh, tanh");
  n.need(n.integer("input_forget", 0) == 0, "couples its input and forget gates");
  const Shape x = n.shape(0);
  n.need(x.size() == 3 && x[1] == 1, "gets " + shape_text(x) + " instead of steps x 1 x numbers");
  for (size_t i = 4; i < n.node().inputs.size(); ++i) {
    if (!n.has_input(i) || i == 4) continue;  // 4: lengths, which say nothing new of a single sequence
    const std::vector<float> state = reals_of(n.constant(i));
    n.need(std::ranges::all_of(state, [](float one) { return one == 0; }),
           "starts with a state other than 0, or with peepholes");
  }
  const int64_t hidden = n.integer("hidden_size", 0);
  n.need(hidden > 0 && hidden <= kLargestWindow, "has no hidden_size, or an absurd one");
  const int units = static_cast<int>(hidden), gates = 4 * units;
  const auto is_read = [&](size_t i) {
    const auto& outputs = n.node().outputs;
    return outputs.size() > i && !outputs[i].empty() && n.reading().readers.contains(outputs[i]);
  };
  n.need(!is_read(2), "yields its cells, which slimpilot keeps to itself");
  const bool sequences = is_read(0);
  n.need(!sequences || !is_read(1), "yields all steps and the last one");
  const ValueId sequence = n.reshape_to(n.plain(0), {1, x[0], x[2]}, "/sequence");
  const std::vector<ValueId> inputs{sequence, lstm_weight(n, 1, {gates, x[2]}), lstm_weight(n, 2, {gates, units}),
                                    lstm_weight(n, 3, {gates})};
  const ValueId id = n.append(Lstm{.return_sequences = sequences}, inputs);
  n.set(sequences ? 0 : 1, {.id = id, .layout = plain_layout(sequences ? Shape{x[0], 1, 1, units} : Shape{1, 1, units})});
}

constexpr OnnxRule kRules[] = {
    {"Conv", read_conv},
    {"MatMul", read_matmul},
    {"Gemm", read_gemm},
    {"BatchNormalization", read_batch_norm},
    {"LSTM", read_lstm},
    {"MaxPool", [](OnnxNodeReader& n) { read_pool(n, PoolKind::max); }},
    {"AveragePool", [](OnnxNodeReader& n) { read_pool(n, PoolKind::average); }},
    {"GlobalMaxPool", [](OnnxNodeReader& n) { read_global_pool(n, PoolKind::max); }},
    {"GlobalAveragePool", [](OnnxNodeReader& n) { read_global_pool(n, PoolKind::average); }},
    {"ReduceMax", [](OnnxNodeReader& n) { read_reduction(n, PoolKind::max); }},
    {"ReduceMean", [](OnnxNodeReader& n) { read_reduction(n, PoolKind::average); }},
};

}  // namespace

std::span<const OnnxRule> onnx_layer_rules() { return kRules; }

}  // namespace slimpilot
