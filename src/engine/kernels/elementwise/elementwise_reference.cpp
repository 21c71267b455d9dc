// SPDX-License-Identifier: Apache-2.0
// Element-wise functions as they are defined; the integer ones as TensorFlow Lite's reference kernels define them.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "engine/kernels/elementwise/elementwise_generic.h"
#include "engine/kernels/fixed_point.h"

namespace slimpilot::reference {

float relu(float x) { return x > 0 ? x : 0; }
float relu6(float x) { return std::clamp(x, 0.0f, 6.0f); }
float relu_n1_to_1(float x) { return std::clamp(x, -1.0f, 1.0f); }
float relu_0_to_1(float x) { return std::clamp(x, 0.0f, 1.0f); }
float elu(float x) { return x < 0 ? std::expm1(x) : x; }
float tanh(float x) { return std::tanh(x); }
float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }
float hard_sigmoid(float x) { return std::clamp(0.2f * x + 0.5f, 0.0f, 1.0f); }

namespace {

template <float (*f)(float)>
void unary(const UnaryArgs& a, const Io& io) noexcept {
  const auto* x = static_cast<const float*>(io.input[0]);
  auto* y = static_cast<float*>(io.output);
  for (int64_t i = 0; i < a.count; ++i) y[i] = f(x[i]);
}

void lookup_s8(const LookupArgs& a, const Io& io) noexcept {
  const auto* x = static_cast<const int8_t*>(io.input[0]);
  auto* y = static_cast<int8_t*>(io.output);
  const int8_t* const table = a.table;
  const int channels = a.channels;
  for (int64_t i = 0, count = a.count; i < count; i += channels)
    for (int c = 0; c < channels; ++c) y[i + c] = table[c * 256 + x[i + c] + 128];
}

/// 65536 · sigmoid(i/24), which int16 sigmoid and tanh interpolate. TensorFlow Lite's table is rounded, with these entries one
/// greater (read off LiteRT 2.3's outputs by tests/parity).
const std::array<uint16_t, 256> kSigmoidTable = [] {
  constexpr int raised[] = {4,  8,  12, 14, 15, 16, 17, 19, 20, 21, 22, 25, 27, 28, 29, 30, 31,  33,  34,  35,  37,  39,
                            40, 41, 43, 44, 45, 46, 49, 50, 54, 62, 63, 64, 66, 82, 86, 93, 100, 103, 112, 116, 135, 255};
  std::array<uint16_t, 256> table{};
  for (size_t i = 0; i < table.size(); ++i)
    table[i] = static_cast<uint16_t>(std::min(65535.0, std::round(65536 / (1 + std::exp(-static_cast<double>(i) / 24)))));
  for (const int i : raised) ++table[static_cast<size_t>(i)];
  return table;
}();

int32_t curve_input(const Curve16Args& a, int32_t x) {
  const int32_t round = a.shift > 0 ? 1 << (a.shift - 1) : 0;
  return (x * a.multiplier + round) >> a.shift;
}

/// sigmoid(|input|) with `bits` fraction bits of the table index interpolated; the result is scaled by 2^(16 + bits).
uint32_t interpolated_sigmoid(uint32_t magnitude, int bits, uint32_t saturated) {
  const uint32_t index = magnitude >> bits;
  if (index >= 255) return saturated;
  const uint32_t low = kSigmoidTable[index], high = kSigmoidTable[index + 1];
  return (low << bits) + (magnitude & ((1u << bits) - 1)) * (high - low);
}

void sigmoid_s16(const Curve16Args& a, const Io& io) noexcept {
  const auto* x = static_cast<const int16_t*>(io.input[0]);
  auto* y = static_cast<int16_t*>(io.output);
  for (int64_t i = 0; i < a.count; ++i) {
    const int32_t input = curve_input(a, x[i]);
    const uint32_t value = interpolated_sigmoid(static_cast<uint32_t>(std::abs(input)), 9, 0x7FFFu << 10);
    const uint32_t signed_value = input >= 0 ? value + (1 << 9) : (1u << 25) - value + (1 << 9) - 1;
    y[i] = static_cast<int16_t>(signed_value >> 10);
  }
}

void tanh_s16(const Curve16Args& a, const Io& io) noexcept {
  const auto* x = static_cast<const int16_t*>(io.input[0]);
  auto* y = static_cast<int16_t*>(io.output);
  for (int64_t i = 0; i < a.count; ++i) {
    const int32_t input = curve_input(a, x[i]);
    const auto value = static_cast<int32_t>(interpolated_sigmoid(static_cast<uint32_t>(std::abs(input)), 8, 0xFFFFu << 8));
    const int32_t result = input >= 0 ? value - (1 << 23) + (1 << 7) : -value + (1 << 23) + (1 << 7) - 1;
    y[i] = static_cast<int16_t>(result >> 8);
  }
}

void clamp_s16(const Clamp16Args& a, const Io& io) noexcept {
  const auto* x = static_cast<const int16_t*>(io.input[0]);
  auto* y = static_cast<int16_t*>(io.output);
  for (int64_t i = 0; i < a.count; ++i) y[i] = static_cast<int16_t>(limit(rescale(x[i], a.multiplier, a.shift), a.low, a.high));
}

void leaky_relu(const SlopeArgs& a, const Io& io) noexcept {
  const auto* x = static_cast<const float*>(io.input[0]);
  auto* y = static_cast<float*>(io.output);
  for (int64_t i = 0; i < a.count; ++i) y[i] = x[i] < 0 ? a.alpha * x[i] : x[i];
}

void leaky_relu_s16(const Slope16Args& a, const Io& io) noexcept {
  const auto* x = static_cast<const int16_t*>(io.input[0]);
  auto* y = static_cast<int16_t*>(io.output);
  for (int64_t i = 0; i < a.count; ++i) {
    const int32_t result = x[i] < 0 ? rescale(x[i], a.alpha_multiplier, a.alpha_shift) : rescale(x[i], a.multiplier, a.shift);
    y[i] = static_cast<int16_t>(limit(result, INT16_MIN, INT16_MAX));
  }
}

/// Less the greatest, so that no power overflows.
void softmax(const SoftmaxArgs& a, const Io& io) noexcept {
  const auto* x = static_cast<const float*>(io.input[0]);
  auto* y = static_cast<float*>(io.output);
  for (int64_t row = 0; row < a.rows; ++row, x += a.columns, y += a.columns) {
    const float greatest = *std::max_element(x, x + a.columns);
    double sum = 0;
    for (int c = 0; c < a.columns; ++c) sum += y[c] = std::exp(x[c] - greatest);
    for (int c = 0; c < a.columns; ++c) y[c] = static_cast<float>(y[c] / sum);
  }
}

/// y[i] = f(a[i], b[i / b_inner % b_count]) in type T.
template <class T, class F>
void binary(const BinaryArgs& a, const Io& io, F&& f) {
  const auto* x = static_cast<const T*>(io.input[0]);
  const auto* z = static_cast<const T*>(io.input[1]);
  auto* y = static_cast<T*>(io.output);
  if (a.b_count == a.count) {
    for (int64_t i = 0; i < a.count; ++i) y[i] = f(x[i], z[i]);
    return;
  }
  for (int64_t i = 0; i < a.count;)
    for (int64_t k = 0; k < a.b_count; ++k)
      for (int64_t repeated = 0; repeated < a.b_inner; ++repeated, ++i) y[i] = f(x[i], z[k]);
}

void add_f32(const BinaryArgs& a, const Io& io) noexcept {
  binary<float>(a, io, [](float x, float z) { return x + z; });
}
void multiply_f32(const BinaryArgs& a, const Io& io) noexcept {
  binary<float>(a, io, [](float x, float z) { return x * z; });
}

template <class T>
void add_integers(const BinaryArgs& a, const Io& io) noexcept {
  binary<T>(a, io, [&](T x, T z) {
    const int32_t left = rescale((x - a.a_zero_point) * (1 << a.left_shift), a.a_multiplier, a.a_shift);
    const int32_t right = rescale((z - a.b_zero_point) * (1 << a.left_shift), a.b_multiplier, a.b_shift);
    const int32_t sum = rescale(left + right, a.output_multiplier, a.output_shift) + a.output_zero_point;
    return static_cast<T>(limit(sum, a.low, a.high));
  });
}

template <class T>
void multiply_integers(const BinaryArgs& a, const Io& io) noexcept {
  binary<T>(a, io, [&](T x, T z) {
    const int32_t product = (x - a.a_zero_point) * (z - a.b_zero_point);
    return static_cast<T>(limit(rescale(product, a.output_multiplier, a.output_shift) + a.output_zero_point, a.low, a.high));
  });
}

void scale_f32(const ScaleArgs& a, const Io& io) noexcept {
  const auto* x = static_cast<const float*>(io.input[0]);
  auto* y = static_cast<float*>(io.output);
  for (int64_t i = 0; i < a.count; ++i) y[i] = x[i] * a.scale[i % a.channels] + a.offset[i % a.channels];
}

/// Sum over the taps inside the image of term(input index, weight index).
template <class Sum, class F>
Sum depthwise_sum(const DepthwiseArgs& a, int oy, int ox, int c, F&& term) {
  Sum sum = 0;
  for (int ky = 0; ky < a.kernel_h; ++ky)
    for (int kx = 0; kx < a.kernel_w; ++kx) {
      const int iy = oy * a.stride_h - a.pad_top + ky, ix = ox * a.stride_w - a.pad_left + kx;
      if (iy < 0 || iy >= a.in_h || ix < 0 || ix >= a.in_w) continue;
      sum += term((iy * a.in_w + ix) * a.channels + c, (ky * a.kernel_w + kx) * a.channels + c);
    }
  return sum;
}

template <class F>
void for_each_depthwise_output(const DepthwiseArgs& a, F&& result) {
  int index = 0;
  for (int oy = 0; oy < a.out_h; ++oy)
    for (int ox = 0; ox < a.out_w; ++ox)
      for (int c = 0; c < a.channels; ++c) result(index++, oy, ox, c);
}

void depthwise_f32(const DepthwiseArgs& a, const Io& io) noexcept {
  const auto* x = static_cast<const float*>(io.input[0]);
  const auto* w = static_cast<const float*>(a.weights);
  auto* y = static_cast<float*>(io.output);
  for_each_depthwise_output(a, [&](int index, int oy, int ox, int c) {
    const auto product = [&](int i, int k) { return static_cast<double>(x[i]) * w[k]; };
    const double sum = depthwise_sum<double>(a, oy, ox, c, product) + a.real.bias[c];
    y[index] = std::clamp(static_cast<float>(sum), a.real.low, a.real.high);
  });
}

void depthwise_s8(const DepthwiseArgs& a, const Io& io) noexcept {
  const auto* x = static_cast<const int8_t*>(io.input[0]);
  const auto* w = static_cast<const int8_t*>(a.weights);
  auto* y = static_cast<int8_t*>(io.output);
  const IntegerResult& r = a.integer;
  for_each_depthwise_output(a, [&](int index, int oy, int ox, int c) {
    const auto product = [&](int i, int k) { return (x[i] - r.input_zero_point) * w[k]; };
    const int32_t sum = depthwise_sum<int32_t>(a, oy, ox, c, product) + r.bias[c];
    y[index] = static_cast<int8_t>(limit(rescale(sum, r.multiplier[c], r.shift[c]) + r.output_zero_point, r.low, r.high));
  });
}

void depthwise_s16(const DepthwiseArgs& a, const Io& io) noexcept {
  const auto* x = static_cast<const int16_t*>(io.input[0]);
  const auto* w = static_cast<const int8_t*>(a.weights);
  auto* y = static_cast<int16_t*>(io.output);
  const IntegerResult& r = a.integer;
  for_each_depthwise_output(a, [&](int index, int oy, int ox, int c) {
    const auto product = [&](int i, int k) { return static_cast<int64_t>(x[i] * w[k]); };
    const int64_t sum = depthwise_sum<int64_t>(a, oy, ox, c, product) + r.bias64[c];
    y[index] = int16_result(sum, r, c);
  });
}

/// The output row by row: filled, then the part of the input that falls into it copied over.
void edges(const EdgesArgs& a, const Io& io) noexcept {
  const auto* x = static_cast<const std::byte*>(io.input[0]);
  auto* y = static_cast<std::byte*>(io.output);
  const int first = std::max(a.left, 0), last = std::min(a.left + a.in_w, a.out_w);
  const ptrdiff_t row_bytes = static_cast<ptrdiff_t>(a.out_w) * a.pixel_bytes;
  for (int oy = 0; oy < a.out_h; ++oy, y += row_bytes) {
    for (ptrdiff_t i = 0; i < row_bytes; i += a.element_bytes)
      std::memcpy(y + i, &a.fill, static_cast<size_t>(a.element_bytes));
    const int iy = oy - a.top;
    if (iy < 0 || iy >= a.in_h || first >= last) continue;
    const ptrdiff_t source = (static_cast<ptrdiff_t>(iy) * a.in_w + first - a.left) * a.pixel_bytes;
    std::memcpy(y + static_cast<ptrdiff_t>(first) * a.pixel_bytes, x + source,
                static_cast<size_t>(last - first) * static_cast<size_t>(a.pixel_bytes));
  }
}

}  // namespace

const ElementwiseKernels elementwise = {
    .relu = unary<relu>,
    .relu6 = unary<relu6>,
    .relu_n1_to_1 = unary<relu_n1_to_1>,
    .relu_0_to_1 = unary<relu_0_to_1>,
    .elu = unary<elu>,
    .tanh = unary<tanh>,
    .sigmoid = unary<sigmoid>,
    .hard_sigmoid = unary<hard_sigmoid>,
    .lookup_s8 = lookup_s8,
    .tanh_s16 = tanh_s16,
    .sigmoid_s16 = sigmoid_s16,
    .clamp_s16 = clamp_s16,
    .add_f32 = add_f32,
    .add_s8 = add_integers<int8_t>,
    .add_s16 = add_integers<int16_t>,
    .multiply_f32 = multiply_f32,
    .multiply_s8 = multiply_integers<int8_t>,
    .multiply_s16 = multiply_integers<int16_t>,
    .scale_f32 = scale_f32,
    .depthwise_f32 = depthwise_f32,
    .depthwise_s8 = depthwise_s8,
    .depthwise_s16 = depthwise_s16,
    .edges = edges,
    .lstm_step = lstm_step<RealVector<4>>,  // the definition: four numbers at a time, as every processor can
    .leaky_relu = leaky_relu,
    .leaky_relu_s16 = leaky_relu_s16,
    .softmax = softmax,
};

}  // namespace slimpilot::reference
