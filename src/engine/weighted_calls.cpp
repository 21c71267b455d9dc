// SPDX-License-Identifier: Apache-2.0
// Calls for ops with weights: convolutions, dense layers, BatchNorm. Weights are repacked for the chosen kernel.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "engine/kernels/packing.h"
#include "engine/node_calls.h"
#include "engine/quantized_scale.h"
#include "engine/shares.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

/// Scales of a layer's weights, one per output.
std::vector<float> weight_scales(const Site& s, const Value& weights, int outputs) {
  if (!weights.quantization) s.fail("integer weights without a quantization");
  const Quantization& q = *weights.quantization;
  if (std::any_of(q.zero_point.begin(), q.zero_point.end(), [](int32_t zero) { return zero != 0; }))
    s.fail("weights with a zero point other than 0 are not supported");
  if (q.scale.size() == 1) return std::vector<float>(static_cast<size_t>(outputs), q.scale[0]);
  if (q.scale.size() != static_cast<size_t>(outputs)) s.fail("weight scales run along another axis than the outputs");
  return q.scale;
}

template <class T>
std::vector<T> constant_elements(const Site& s, size_t i, ElementType type) {
  const Value& value = s.constant(i);
  if (value.type != type)
    s.fail("'" + value.name + "' must be " + std::string(type_name(type)) + ", not " + std::string(type_name(value.type)));
  const auto elements = value.elements<T>();
  return {elements.begin(), elements.end()};
}

/// Puts what each of the layers has behind what those before have.
template <class F>
auto of_all_layers(const Site& s, F&& per_output) {
  auto all = per_output(s);
  for (const Node* other : s.others) {
    const auto more = per_output(s.of(*other));
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

ActivationKind fused_activation(const Op& op) {
  if (const auto* conv = std::get_if<Conv2D>(&op)) return conv->activation;
  if (const auto* depthwise = std::get_if<DepthwiseConv2D>(&op)) return depthwise->activation;
  return std::get<Dense>(op).activation;
}

/// Of integers the sum has the bias already.
RealResult real_result(const Site& s, int outputs) {
  const ClampRange range = clamp_range(fused_activation(s.node.op));
  const bool integers = s.input(0).type != ElementType::f32;
  const std::vector<float> none(static_cast<size_t>(outputs));
  RealResult result{.bias = s.keep_channels(integers ? none : constant_as_floats(s.constant(2))),
                    .weight_scale = nullptr,
                    .low = range.low,
                    .high = range.high,
                    .input_scale_last = !std::holds_alternative<Dense>(s.node.op)};
  if (s.input(1).type != ElementType::s8) return result;
  std::vector<float> scales = weight_scales(s, s.input(1), outputs);
  for (float& scale : scales) scale *= integers ? s.scale(s.input(0)) : 1;
  result.weight_scale = s.keep_channels(std::move(scales));
  return result;
}

/// Sums of the weights of each output, whose weights lie one after the other.
std::vector<int32_t> weight_sums(const Value& weights, int outputs) {
  const auto w = weights.elements<int8_t>();
  const size_t per_output = w.size() / static_cast<size_t>(outputs);
  std::vector<int32_t> sums;
  for (size_t first = 0; first < w.size(); first += per_output) {
    const auto part = w.subspan(first, per_output);
    sums.push_back(std::accumulate(part.begin(), part.end(), 0));
  }
  return sums;
}

/// Multipliers s_in·s_w/s_out per output. A dense layer with one weight scale multiplies s_in·s_w in float, as TensorFlow
/// Lite does; all others in double.
std::vector<FixedPoint> output_scales(const Site& s, int outputs) {
  std::vector<FixedPoint> fixed;
  const bool in_float = std::holds_alternative<Dense>(s.node.op) && s.input(1).quantization->scale.size() == 1;
  const float in = s.scale(s.input(0)), out = s.scale(s.output());
  for (const float w : weight_scales(s, s.input(1), outputs))
    fixed.push_back(
        fixed_point((in_float ? static_cast<double>(in * w) : static_cast<double>(in) * w) / static_cast<double>(out)));
  return fixed;
}

/// What the sums are made of where results are real.
IntegerResult integer_sums(const Site& s) {
  IntegerResult result{};
  result.input_zero_point = s.zero_point(s.input(0));
  result.bias = s.keep_channels(constant_elements<int32_t>(s, 2, ElementType::s32));
  return result;
}

/// `outputs` of each layer.
IntegerResult integer_result(const Site& s, int outputs) {
  std::vector<int32_t> multiplier, shift;
  const auto repeated = [&](int32_t x) { return std::vector<int32_t>(static_cast<size_t>(outputs), x); };
  const auto clamp = [](const Site& layer) { return quantized_clamp(fused_activation(layer.node.op), layer.output()); };
  for (const FixedPoint& fixed : of_all_layers(s, [&](const Site& layer) { return output_scales(layer, outputs); })) {
    multiplier.push_back(fixed.multiplier);
    shift.push_back(fixed.shift);
  }
  const auto zero_point = [&](const Site& layer) { return repeated(layer.zero_point(layer.output())); };
  IntegerResult result{};
  result.input_zero_point = s.zero_point(s.input(0));
  if (s.input(0).type == ElementType::s16) {
    result.bias64 = s.keep_channels(constant_elements<int64_t>(s, 2, ElementType::s64));
  } else {
    std::vector<int32_t> bias =
        of_all_layers(s, [](const Site& layer) { return constant_elements<int32_t>(layer, 2, ElementType::s32); });
    if (std::holds_alternative<Conv2D>(s.node.op))
      result.short_rescale = fits_short_rescale(
          of_all_layers(s, [](const Site& layer) { return constant_elements<int8_t>(layer, 1, ElementType::s8); }), bias, shift,
          result.input_zero_point);
    result.bias = s.keep_channels(std::move(bias));
  }
  result.multiplier = s.keep_channels(std::move(multiplier));
  result.shift = s.keep_channels(std::move(shift));
  result.zero_points = s.keep_channels(of_all_layers(s, zero_point));
  result.lows = s.keep_channels(of_all_layers(s, [&](const Site& layer) { return repeated(clamp(layer).low); }));
  result.highs = s.keep_channels(of_all_layers(s, [&](const Site& layer) { return repeated(clamp(layer).high); }));
  result.output_zero_point = s.zero_point(s.output());
  result.low = clamp(s).low;
  result.high = clamp(s).high;
  result.rounds_once = std::holds_alternative<Dense>(s.node.op);
  return result;
}

/// Weights in the type that a kernel multiplies with; `bytes` are the value's own or those in `converted`.
struct KernelWeights {
  std::vector<std::byte> converted;
  std::span<const std::byte> bytes;
  size_t element_size;
};

KernelWeights as_they_are(const Value& weights) { return {{}, weights.data, element_size(weights.type)}; }

template <class T, T (*convert)(float)>
KernelWeights converted(const Value& weights) {
  std::vector<T> numbers;
  for (const float w : constant_as_floats(weights)) numbers.push_back(convert(w));
  const auto bytes = std::as_bytes(std::span(numbers));
  KernelWeights result{{bytes.begin(), bytes.end()}, {}, sizeof(T)};
  result.bytes = result.converted;
  return result;
}

float same_number(float w) { return w; }

/// The variants of conv2d and dense.
template <class Args>
struct Variant {
  std::string_view suffix;
  PackedKernel<Args> PackedKernels<Args>::*kernel;
  KernelWeights (*weights)(const Value&) = as_they_are;
};

/// By the types of activations and weights. float16 becomes float32, which is exact, in convolutions: they read their few
/// weights from the cache again and again, and half the bytes would save nothing there.
template <class Args>
Variant<Args> variant_of(const Site& s) {
  using Kernels = PackedKernels<Args>;
  const ElementType x = s.input(0).type, w = s.constant(1).type;
  const bool real = x == ElementType::f32 && (w == ElementType::f32 || w == ElementType::f16);
  if (real && s.arithmetic == Arithmetic::reduced) return {"_bf16", &Kernels::bf16, converted<uint16_t, float_to_bfloat16>};
  if (real && w == ElementType::f32) return {"_f32", &Kernels::f32};
  if (real && std::is_same_v<Args, Conv2dArgs>) return {"_f32", &Kernels::f32, converted<float, same_number>};
  if (real) return {"_f16", &Kernels::f16};
  if (x == ElementType::s8 && w == ElementType::s8 && s.output().type == ElementType::f32)
    return {"_s8_real", &Kernels::s8_real};
  if (x == ElementType::s8 && w == ElementType::s8) return {"_s8", &Kernels::s8};
  if (x == ElementType::s16 && w == ElementType::s8) return {"_s16", &Kernels::s16};
  if (x == ElementType::f32 && w == ElementType::s8) return {"_hybrid", &Kernels::hybrid};
  s.fail("there is no kernel for " + std::string(type_name(x)) + " inputs and " + std::string(type_name(w)) + " weights");
}

/// Weights with more bytes than this are read from beyond the second-level cache.
constexpr size_t kStreamingBytes = 1 << 20;

/// The wanted one among those that have the variant and suit the weights; unless one is wanted (and must be) the last, which is
/// made for the newest CPU, of those for weights of this size if there is one.
template <class Args>
const PackedKernels<Args>& chosen(const Site& s, const std::vector<const PackedKernels<Args>*>& known,
                                  const Variant<Args>& variant, const KernelWeights& weights, const WeightShape& shape,
                                  std::vector<std::string_view>& ways) {
  const PackedKernels<Args>*choice = nullptr, *usual = nullptr;
  const bool streaming = weights.bytes.size() > kStreamingBytes;
  for (const PackedKernels<Args>* kernels : known) {
    const PackedKernel<Args>& kernel = kernels->*variant.kernel;
    if (kernel.run == nullptr || (!s.others.empty() && !kernels->several) ||
        !suits(kernel.layout.storage, weights.bytes, shape, weights.element_size))
      continue;
    ways.push_back(kernels->name);
    if (usual == nullptr || kernels->streaming == streaming) usual = kernels;
    if (kernels->name == s.wanted) choice = kernels;
  }
  if (choice == nullptr && (s.wanted.empty() || s.wanted_if_known)) choice = usual;
  if (choice == nullptr) s.fail("there is no way '" + std::string(s.wanted) + "' to compute it");
  return *choice;
}

template <class T>
const T* behind(const T* per_output, int outputs) {
  return per_output == nullptr ? nullptr : per_output + outputs;
}

/// Those of the outputs from `first` on.
RealResult from_output(int first, const RealResult& all) {
  RealResult result = all;
  result.bias = behind(all.bias, first);
  result.weight_scale = behind(all.weight_scale, first);
  return result;
}

IntegerResult from_output(int first, const IntegerResult& all) {
  IntegerResult result = all;
  result.bias = behind(all.bias, first);
  result.bias64 = behind(all.bias64, first);
  result.multiplier = behind(all.multiplier, first);
  result.shift = behind(all.shift, first);
  result.weight_sum = behind(all.weight_sum, first);
  result.zero_points = behind(all.zero_points, first);
  result.lows = behind(all.lows, first);
  result.highs = behind(all.highs, first);
  return result;
}

int64_t positions(const Conv2dArgs& a) { return static_cast<int64_t>(a.out_h) * a.out_w; }
int64_t positions(const DenseArgs& a) { return a.rows; }

/// The multiply-adds of a share; see PackedKernel.
template <class Args>
int64_t issued(const PackedKernel<Args>& kernel, const Args& args, const WeightShape& share) {
  if (kernel.issued != nullptr) return kernel.issued(args);
  const auto whole = [](int64_t count, int64_t of) { return (count + of - 1) / of * of; };
  return positions(args) * share.rows * whole(share.k, kernel.layout.group) * whole(share.outputs, kernel.layout.lanes);
}

/// Chooses among the kernels for the types of activations and weights, and fills the arguments that they share.
template <class Args>
NodeCall packed_call(const Site& s, const std::vector<const PackedKernels<Args>*>& known,
                     std::span<const std::string_view> names, std::span<const Share<Args>> shares, const Value& all_weights,
                     const WeightShape& shape) {
  const Variant<Args> variant = variant_of<Args>(s);
  const KernelWeights weights = variant.weights(all_weights);
  std::vector<std::string_view> ways;
  const PackedKernels<Args>& kernels = chosen(s, known, variant, weights, shape, ways);
  const PackedKernel<Args>& kernel = kernels.*variant.kernel;
  const bool real_inputs = s.input(0).type == ElementType::f32, real = s.output().type == ElementType::f32;
  const RealResult real_results = real ? real_result(s, shape.outputs) : RealResult{};
  const int layers = 1 + static_cast<int>(s.others.size());
  IntegerResult integer_results = real_inputs ? IntegerResult{}
                                  : real      ? integer_sums(s)
                                              : integer_result(s, shape.outputs / layers);
  if (s.input(1).type == ElementType::s8) integer_results.weight_sum = s.keep_channels(weight_sums(all_weights, shape.outputs));
  const auto name = std::ranges::find_if(names, [&](std::string_view n) { return n.ends_with(variant.suffix); });
  NodeCall made{.kernel = *name, .way = kernels.name, .ways = std::move(ways)};
  const size_t output_bytes = weights.element_size * static_cast<size_t>(shape.rows) * static_cast<size_t>(shape.k);
  const void* kept = nullptr;
  for (const Share<Args>& share : shares) {
    Args args = share.args;
    args.real = from_output(share.first, real_results);
    args.integer = from_output(share.first, integer_results);
    if (kept == nullptr || share.outputs != shape.outputs) {  // shares of all outputs have the same weights
      const auto own = weights.bytes.subspan(output_bytes * static_cast<size_t>(share.first),
                                             output_bytes * static_cast<size_t>(share.outputs));
      const auto packed = pack_weights(own, {share.outputs, shape.rows, shape.k}, weights.element_size, kernel.layout);
      kept = s.constants.keep(packed);
      made.weight_bytes += packed.size();
    }
    args.weights = kept;
    made.issued += issued(kernel, args, {share.outputs, shape.rows, shape.k});
    made.parts.push_back({.call = Call<Args>{kernel.run, args}, .input = share.input, .output = share.output});
    made.scratch_bytes = std::max(made.scratch_bytes, share.scratch);
  }
  return made;
}

/// The weights of all layers, one behind the other.
Value all_weights(const Site& s) {
  Value all = s.constant(1);
  for (const Node* other : s.others) {
    const Value& more = s.of(*other).constant(1);
    all.shape[0] += more.shape[0];
    all.data.insert(all.data.end(), more.data.begin(), more.data.end());
  }
  return all;
}

}  // namespace

bool computes_together(const Site& s, const Node& other) {
  const auto alike = [](const Conv2D& a, const Conv2D& b) {
    return a.stride_h == b.stride_h && a.stride_w == b.stride_w && a.padding == b.padding;
  };
  const auto *a = std::get_if<Conv2D>(&s.node.op), *b = std::get_if<Conv2D>(&other.op);
  if (a == nullptr || b == nullptr || !alike(*a, *b) || s.node.inputs[0] != other.inputs[0]) return false;
  const Site o = s.of(other);
  if (s.input(1).shape != o.input(1).shape || s.input(1).type != o.input(1).type || s.output().type != o.output().type)
    return false;
  constexpr int kLanes = 8;  // see Conv2dArgs
  const auto variant = variant_of<Conv2dArgs>(s).kernel;
  return s.output().shape[3] % kLanes == 0 && std::ranges::any_of(s.kernels.conv2d, [&](const Conv2dKernels* kernels) {
           return kernels->several && (kernels->*variant).run != nullptr;
         });
}

NodeCall call_for(const Conv2D& op, const Site& s) {
  const Value weights = all_weights(s);
  const Shape &x = s.input(0).shape, &w = weights.shape, &y = s.output().shape;
  Conv2dArgs args{};
  set_window(args, x, y, op, w[1], w[2]);
  args.in_c = x[3], args.out_c = w[0], args.kernel_h = w[1], args.kernel_w = w[2];
  args.tensor_c = y[3];
  args.tensor_stride = static_cast<ptrdiff_t>(buffer_extent(static_cast<size_t>(s.count()) * element_size(s.output().type)) /
                                              element_size(s.output().type));
  args.pad_bottom = padded_extent(x[1], w[1], op.stride_h, op.padding).after;
  args.pad_right = padded_extent(x[2], w[2], op.stride_w, op.padding).after;
  constexpr std::string_view names[] = {"conv2d_f32", "conv2d_bf16",   "conv2d_s8",
                                        "conv2d_s16", "conv2d_hybrid", "conv2d_s8_real"};
  return packed_call<Conv2dArgs>(s, s.kernels.conv2d, names, row_shares(s, args), weights, {w[0], w[1], w[2] * w[3]});
}

NodeCall call_for(const Dense&, const Site& s) {
  const Shape& w = s.input(1).shape;
  DenseArgs args{};
  args.rows = s.input(0).shape[0], args.inputs = w[1], args.outputs = w[0];
  constexpr std::string_view names[] = {"dense_f32", "dense_f16",    "dense_bf16",   "dense_s8",
                                        "dense_s16", "dense_hybrid", "dense_s8_real"};
  return packed_call<DenseArgs>(s, s.kernels.dense, names, output_shares(s, args), s.constant(1), {w[0], 1, w[1]});
}

namespace {

/// A 1×1 depthwise convolution of int8 is a function of one byte per channel: a table.
NodeCall lookup_call(const Site& s, const DepthwiseArgs& depthwise) {
  const int channels = depthwise.channels;
  std::vector<int8_t> input, output(static_cast<size_t>(channels) * 256), table(output.size());
  for (int x = -128; x < 128; ++x) input.insert(input.end(), static_cast<size_t>(channels), static_cast<int8_t>(x));
  DepthwiseArgs column = depthwise;
  column.in_h = column.out_h = 256, column.in_w = column.out_w = 1;
  s.kernels.elementwise.depthwise_s8(column, {{input.data(), nullptr}, output.data(), nullptr});
  for (int c = 0; c < channels; ++c)
    for (int x = 0; x < 256; ++x) table[static_cast<size_t>(c * 256 + x)] = output[static_cast<size_t>(x * channels + c)];
  return pixelwise<LookupArgs>(s, "lookup_s8", s.kernels.elementwise.lookup_s8, {s.count(), channels, s.constants.keep(table)});
}

/// x·scale + offset with one of each per channel.
NodeCall scale_call(const Site& s, std::vector<float> scale, std::vector<float> offset) {
  const size_t channels = scale.size(), repeated = std::lcm(channels, size_t{kScaleVector});
  for (size_t i = channels; i < repeated; ++i) scale.push_back(scale[i - channels]), offset.push_back(offset[i - channels]);
  const ScaleArgs args{s.count(), static_cast<int>(repeated), s.constants.keep(scale), s.constants.keep(offset)};
  return pixelwise<ScaleArgs>(s, "scale_f32", s.kernels.elementwise.scale_f32, args);
}

}  // namespace

NodeCall call_for(const DepthwiseConv2D& op, const Site& s) {
  const Shape &x = s.input(0).shape, &w = s.constant(1).shape;
  DepthwiseArgs args{};
  set_window(args, x, s.output().shape, op, w[1], w[2]);
  args.channels = w[3], args.kernel_h = w[1], args.kernel_w = w[2];
  const bool pointwise = w[1] == 1 && w[2] == 1 && op.stride_h == 1 && op.stride_w == 1;
  const ElementwiseKernels& kernels = s.kernels.elementwise;
  const ElementType type = s.input(0).type;
  if (type == ElementType::f32) {
    const std::vector<float> weights = constant_as_floats(s.input(1)), bias = constant_as_floats(s.constant(2));
    if (pointwise && op.activation == ActivationKind::none) return scale_call(s, weights, bias);
    args.weights = s.constants.keep(weights);
    args.real = {s.keep_channels(bias), nullptr, clamp_range(op.activation).low, clamp_range(op.activation).high};
    return each_image<DepthwiseArgs>(s, "depthwise_f32", kernels.depthwise_f32, args);
  }
  args.weights = s.constants.keep(constant_elements<int8_t>(s, 1, ElementType::s8));
  args.integer = integer_result(s, args.channels);
  if (type == ElementType::s16) return each_image<DepthwiseArgs>(s, "depthwise_s16", kernels.depthwise_s16, args);
  if (type != ElementType::s8) s.fail_type();
  if (pointwise) return lookup_call(s, args);
  return each_image<DepthwiseArgs>(s, "depthwise_s8", kernels.depthwise_s8, args);
}

NodeCall call_for(const BatchNorm& op, const Site& s) {
  if (s.input(0).type != ElementType::f32) s.fail_type();
  const auto gamma = constant_as_floats(s.constant(1)), beta = constant_as_floats(s.constant(2));
  const auto mean = constant_as_floats(s.constant(3)), variance = constant_as_floats(s.constant(4));
  std::vector<float> scale, offset;
  for (size_t c = 0; c < gamma.size(); ++c) {
    const double factor = gamma[c] / std::sqrt(static_cast<double>(variance[c]) + op.epsilon);
    scale.push_back(static_cast<float>(factor));
    offset.push_back(static_cast<float>(beta[c] - factor * mean[c]));
  }
  return scale_call(s, std::move(scale), std::move(offset));
}

}  // namespace slimpilot
