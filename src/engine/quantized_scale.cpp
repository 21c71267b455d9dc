// SPDX-License-Identifier: Apache-2.0
// From real scales to fixed-point numbers.
#include "engine/quantized_scale.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace slimpilot {

FixedPoint fixed_point(double real) {
  if (real == 0) return {0, 0};
  int shift;
  auto multiplier = static_cast<int64_t>(std::round(std::frexp(real, &shift) * static_cast<double>(int64_t{1} << 31)));
  if (multiplier == int64_t{1} << 31) multiplier /= 2, ++shift;
  if (shift < -31) return {0, 0};
  if (shift > 30) return {INT32_MAX, 30};
  return {static_cast<int32_t>(multiplier), shift};
}

bool fits_short_rescale(std::span<const int8_t> weights, std::span<const int32_t> bias, std::span<const int32_t> shift,
                        int32_t input_zero_point) {
  const int64_t most_input = std::max(127 - input_zero_point, input_zero_point + 128);
  const size_t per_output = weights.size() / bias.size();
  for (size_t o = 0; o < bias.size(); ++o) {
    int64_t most = std::abs(int64_t{bias[o]});
    for (const int8_t w : weights.subspan(o * per_output, per_output)) most += most_input * std::abs(int{w});
    if (shift[o] < -22 || most >= int64_t{1} << (30 - std::max(shift[o], 0))) return false;
  }
  return true;
}

int32_t quantize_limited(float real, float scale, int32_t zero_point, ElementType type) {
  const auto [low, high] = integer_range(type);
  const double integer = std::round(real / scale) + static_cast<double>(zero_point);
  return static_cast<int32_t>(std::clamp(integer, static_cast<double>(low), static_cast<double>(high)));
}

IntegerRange quantized_clamp(ActivationKind kind, const Value& tensor) {
  const ClampRange range = clamp_range(kind);
  const Quantization& q = *tensor.quantization;
  return {quantize_limited(range.low, q.scale[0], q.zero_point[0], tensor.type),
          quantize_limited(range.high, q.scale[0], q.zero_point[0], tensor.type)};
}

}  // namespace slimpilot
