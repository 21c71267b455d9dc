// SPDX-License-Identifier: Apache-2.0
// Convolution as it is defined: the specification that every other conv2d kernel is tested against.
#include <algorithm>
#include <cmath>
#include <span>

#include "engine/kernels/conv2d/conv2d.h"
#include "engine/kernels/fixed_point.h"
#include "engine/kernels/quantize/dynamic_quantization.h"
#include "graph/edit.h"

namespace slimpilot::reference {
namespace {

/// Calls multiply_add(input index, weight index) for every cell of the window that lies inside the image.
template <class F>
void for_each_tap(const Conv2dArgs& a, int oy, int ox, int o, F&& multiply_add) {
  for (int ky = 0; ky < a.kernel_h; ++ky) {
    const int iy = oy * a.stride_h - a.pad_top + ky;
    if (iy < 0 || iy >= a.in_h) continue;
    for (int kx = 0; kx < a.kernel_w; ++kx) {
      const int ix = ox * a.stride_w - a.pad_left + kx;
      if (ix < 0 || ix >= a.in_w) continue;
      const int input = (iy * a.in_w + ix) * a.in_c, weight = ((o * a.kernel_h + ky) * a.kernel_w + kx) * a.in_c;
      for (int c = 0; c < a.in_c; ++c) multiply_add(input + c, weight + c);
    }
  }
}

/// Calls result(output index, channel, oy, ox) for every output.
template <class F>
void for_each_output(const Conv2dArgs& a, F&& result) {
  int index = 0;
  for (int oy = 0; oy < a.out_h; ++oy)
    for (int ox = 0; ox < a.out_w; ++ox)
      for (int o = 0; o < a.out_c; ++o) result(index++, o, oy, ox);
}

template <class W, float (*widen)(W)>
void conv2d_real(const Conv2dArgs& a, const Io& io) noexcept {
  const auto* x = static_cast<const float*>(io.input[0]);
  const auto* w = static_cast<const W*>(a.weights);
  auto* y = static_cast<float*>(io.output);
  for_each_output(a, [&](int index, int o, int oy, int ox) {
    double sum = a.real.bias[o];
    for_each_tap(a, oy, ox, o, [&](int i, int k) { sum += static_cast<double>(x[i]) * widen(w[k]); });
    y[index] = std::clamp(static_cast<float>(sum), a.real.low, a.real.high);
  });
}

float as_is(float w) { return w; }

/// Numbers rounded to bfloat16, whose products are exact in float32, are added as `vdpbf16ps` does: in each row of the window
/// two neighbours at a time, the second one first. docs/reduced.md has the error.
void conv2d_bf16(const Conv2dArgs& a, const Io& io) noexcept {
  const auto* x = static_cast<const float*>(io.input[0]);
  const auto* w = static_cast<const uint16_t*>(a.weights);
  auto* y = static_cast<float*>(io.output);
  const int run = a.kernel_w * a.in_c;
  for_each_output(a, [&](int index, int o, int oy, int ox) {
    float sum = a.real.bias[o];
    const auto add = [&](int ky, int k) {
      const int iy = oy * a.stride_h - a.pad_top + ky, ix = ox * a.stride_w - a.pad_left + k / a.in_c;
      if (k >= run || iy < 0 || iy >= a.in_h || ix < 0 || ix >= a.in_w) return;
      const float input = bfloat16_to_float(float_to_bfloat16(x[(iy * a.in_w + ix) * a.in_c + k % a.in_c]));
      sum += input * bfloat16_to_float(w[(o * a.kernel_h + ky) * run + k]);
    };
    for (int ky = 0; ky < a.kernel_h; ++ky)
      for (int k = 0; k < run; k += 2) add(ky, k + 1), add(ky, k);
    y[index] = std::clamp(sum, a.real.low, a.real.high);
  });
}

void conv2d_s8(const Conv2dArgs& a, const Io& io) noexcept {
  const auto* x = static_cast<const int8_t*>(io.input[0]);
  const auto* w = static_cast<const int8_t*>(a.weights);
  auto* y = static_cast<int8_t*>(io.output);
  const IntegerResult& r = a.integer;
  for_each_output(a, [&](int index, int o, int oy, int ox) {
    int32_t sum = r.bias[o];
    for_each_tap(a, oy, ox, o, [&](int i, int k) { sum += (x[i] - r.input_zero_point) * w[k]; });
    const int32_t scaled =
        r.rounds_once ? rescale_once(sum, r.multiplier[o], r.shift[o]) : rescale(sum, r.multiplier[o], r.shift[o]);
    y[index] = static_cast<int8_t>(limit(scaled + r.output_zero_point, r.low, r.high));
  });
}

void conv2d_s8_real(const Conv2dArgs& a, const Io& io) noexcept {
  const auto* x = static_cast<const int8_t*>(io.input[0]);
  const auto* w = static_cast<const int8_t*>(a.weights);
  auto* y = static_cast<float*>(io.output);
  for_each_output(a, [&](int index, int o, int oy, int ox) {
    int32_t sum = a.integer.bias[o];
    for_each_tap(a, oy, ox, o, [&](int i, int k) { sum += (x[i] - a.integer.input_zero_point) * w[k]; });
    y[index] = std::clamp(static_cast<float>(sum) * a.real.weight_scale[o] + a.real.bias[o], a.real.low, a.real.high);
  });
}

void conv2d_s16(const Conv2dArgs& a, const Io& io) noexcept {
  const auto* x = static_cast<const int16_t*>(io.input[0]);
  const auto* w = static_cast<const int8_t*>(a.weights);
  auto* y = static_cast<int16_t*>(io.output);
  const IntegerResult& r = a.integer;
  for_each_output(a, [&](int index, int o, int oy, int ox) {
    int64_t sum = r.bias64[o];
    for_each_tap(a, oy, ox, o, [&](int i, int k) { sum += x[i] * w[k]; });
    y[index] = int16_result(sum, r, o);
  });
}

void conv2d_hybrid(const Conv2dArgs& a, const Io& io) noexcept {
  const std::span x(static_cast<const float*>(io.input[0]), static_cast<size_t>(a.in_h * a.in_w * a.in_c));
  const auto* w = static_cast<const int8_t*>(a.weights);
  auto* y = static_cast<float*>(io.output);
  const auto [low, high] = std::minmax_element(x.begin(), x.end());
  const DynamicScale q = dynamic_scale(*low, *high);
  const HybridScales by = hybrid_scales(a.real, q.scale);
  auto* quantized = static_cast<int16_t*>(io.scratch);
  for (size_t i = 0; i < x.size(); ++i) quantized[i] = static_cast<int16_t>(dynamic_quantized(x[i], q) - q.zero);
  for_each_output(a, [&](int index, int o, int oy, int ox) {
    int32_t sum = 0;
    for_each_tap(a, oy, ox, o, [&](int i, int k) { sum += quantized[i] * w[k]; });
    const float scaled = static_cast<float>(sum) * (by.first * a.real.weight_scale[o]) * by.last;
    y[index] = std::clamp(scaled + a.real.bias[o], a.real.low, a.real.high);
  });
}

constexpr PackedLayout kPlain{.lanes = 1, .max_block = 1, .group = 1};

}  // namespace

void conv2d_f16(const Conv2dArgs& a, const Io& io) noexcept { conv2d_real<uint16_t, half_to_float>(a, io); }

const Conv2dKernels conv2d = {
    .name = "reference",
    .f32 = {kPlain, conv2d_real<float, as_is>},
    .bf16 = {kPlain, conv2d_bf16},
    .s8 = {kPlain, conv2d_s8},
    .s16 = {kPlain, conv2d_s16},
    .hybrid = {kPlain, conv2d_hybrid},
    .s8_real = {kPlain, conv2d_s8_real},
};

}  // namespace slimpilot::reference
