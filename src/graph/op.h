// SPDX-License-Identifier: Apache-2.0
// The kinds of operation a graph can hold, as plain structs in one variant. Attributes only: what an op reads and
// writes stands in its Node, what it computes is defined by the reference kernels in engine/kernels.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

namespace slimpilot {

enum class Padding : uint8_t { valid, same };

/// Element-wise functions. `hard_sigmoid` is Keras 1 and 2's clip(.2x + .5, 0, 1).
enum class ActivationKind : uint8_t {
  none,
  relu,
  relu6,
  relu_n1_to_1,
  relu_0_to_1,
  elu,
  tanh,
  sigmoid,
  hard_sigmoid,
};

/// The field's word for the activation, as in file formats and printed graphs.
std::string_view activation_name(ActivationKind kind);

/// The interval to which a clamping activation (none, relu, relu6, relu_n1_to_1, relu_0_to_1) limits its input; only
/// these can be fused into the op before them.
struct ClampRange {
  float low, high;
};
bool is_clamp(ActivationKind kind);
ClampRange clamp_range(ActivationKind kind);

/// inputs: images [N,H,W,C], weights OHWI [O,KH,KW,C], bias [O]. `same` pads as TensorFlow does (more at the end).
struct Conv2D {
  int stride_h = 1, stride_w = 1;
  Padding padding = Padding::valid;
  ActivationKind activation = ActivationKind::none;
  bool operator==(const Conv2D&) const = default;
};

/// inputs: images [N,H,W,C], weights [1,KH,KW,C], bias [C]; one output channel per input channel.
struct DepthwiseConv2D {
  int stride_h = 1, stride_w = 1;
  Padding padding = Padding::valid;
  ActivationKind activation = ActivationKind::none;
  bool operator==(const DepthwiseConv2D&) const = default;
};

/// inputs: rows [N,I], weights [O,I], bias [O].
struct Dense {
  ActivationKind activation = ActivationKind::none;
  bool operator==(const Dense&) const = default;
};

/// inputs: sequences [N,T,H,W,C], kernel [4·F,KH,KW,C], recurrent kernel [4·F,KH,KW,F] (always `same`, stride 1), bias
/// [4·F]; gates in Keras' order i, f, c, o. The state is zero before the first step or, if stateful, what the last step of the
/// frame before left (Session::reset_state). Output [N,T,H',W',F] or, without return_sequences, the last step [N,H',W',F].
struct ConvLstm2D {
  int stride_h = 1, stride_w = 1;
  Padding padding = Padding::same;
  ActivationKind activation = ActivationKind::tanh;
  ActivationKind recurrent_activation = ActivationKind::hard_sigmoid;
  bool return_sequences = false;
  bool stateful = false;
  bool operator==(const ConvLstm2D&) const = default;
};

/// inputs: sequences [N,T,I], kernel [4·F,I], recurrent kernel [4·F,F], bias [4·F]; gates and state as ConvLstm2D's. Output
/// [N,T,F] or, without return_sequences, the last step [N,F].
struct Lstm {
  ActivationKind activation = ActivationKind::tanh;
  ActivationKind recurrent_activation = ActivationKind::sigmoid;
  bool return_sequences = false;
  bool stateful = false;
  bool operator==(const Lstm&) const = default;
};

enum class PoolKind : uint8_t { max, average };

/// input: images [N,H,W,C]. Averages count only the cells inside the image.
struct Pool2D {
  PoolKind kind = PoolKind::max;
  int window_h = 2, window_w = 2, stride_h = 2, stride_w = 2;
  Padding padding = Padding::valid;
  bool operator==(const Pool2D&) const = default;
};

/// inputs: x [..,C], gamma [C], beta [C], mean [C], variance [C]; y = gamma·(x − mean)/√(variance + epsilon) + beta.
struct BatchNorm {
  float epsilon = 1e-3f;
  bool operator==(const BatchNorm&) const = default;
};

struct Activation {
  ActivationKind kind = ActivationKind::relu;
  bool operator==(const Activation&) const = default;
};

/// The elements in the same order under another shape (batch included).
struct Reshape {
  std::vector<int> shape;
  bool operator==(const Reshape&) const = default;
};

/// Removes rows and columns at the edges of images [N,H,W,C].
struct Crop2D {
  int top = 0, bottom = 0, left = 0, right = 0;
  bool operator==(const Crop2D&) const = default;
};

/// Adds zeros (in integer graphs: the zero point) at the edges of images [N,H,W,C].
struct Pad2D {
  int top = 0, bottom = 0, left = 0, right = 0;
  bool operator==(const Pad2D&) const = default;
};

/// inputs: two values of one shape; or the second has, counted from the last dimension, extents of 1 or none in front of,
/// behind or all around those that equal the first's, and is repeated along them.
struct Add {
  bool operator==(const Add&) const = default;
};
struct Mul {
  bool operator==(const Mul&) const = default;
};

/// Between real numbers and integers, or from one quantization to another; the values' types and quantizations say which.
struct Quantize {
  bool operator==(const Quantize&) const = default;
};
struct Dequantize {
  bool operator==(const Dequantize&) const = default;
};

/// y = x for x ≥ 0, alpha·x below.
struct LeakyRelu {
  float alpha = 0.3f;
  bool operator==(const LeakyRelu&) const = default;
};

/// y = eˣ / Σ eˣ along the last dimension.
struct Softmax {
  bool operator==(const Softmax&) const = default;
};

/// inputs: at least one value; they differ along `axis` alone and follow each other there.
struct Concat {
  int axis = 1;
  bool operator==(const Concat&) const = default;
};

/// Dimension i of the result is dimension order[i] of the input.
struct Permute {
  std::vector<int> order;
  bool operator==(const Permute&) const = default;
};

using Op = std::variant<Conv2D, DepthwiseConv2D, Dense, ConvLstm2D, Pool2D, BatchNorm, Activation, Reshape, Crop2D, Pad2D, Add,
                        Mul, Quantize, Dequantize, Lstm, LeakyRelu, Softmax, Concat, Permute>;

/// Whether an op is an LSTM or ConvLSTM.
bool is_recurrent(const Op& op);

/// Whether an op's result depends on what it read in earlier frames.
bool keeps_state(const Op& op);

/// "Conv2D", "Dense", …
std::string_view op_name(const Op& op);

/// For std::visit with one lambda per alternative.
template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace slimpilot
