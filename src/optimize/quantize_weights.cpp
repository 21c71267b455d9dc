// SPDX-License-Identifier: Apache-2.0
// Symmetric 8-bit quantization of weights; rounding as TensorFlow's converter does it, so that bytes can be compared.
#include "optimize/quantize_weights.h"

#include <algorithm>
#include <cmath>

#include "graph/edit.h"

namespace slimpilot {
namespace {

constexpr double kLeastMaximum = 5e-7;  // of |w| in a channel; so that channels of zeros have a scale

}  // namespace

Value quantized_weights(const Value& weights, int axis, const std::vector<float>& least_scale) {
  const std::vector<float> real = constant_as_floats(weights);
  const size_t channels = static_cast<size_t>(weights.shape[static_cast<size_t>(axis)]);
  size_t inner = 1;
  for (size_t d = static_cast<size_t>(axis) + 1; d < weights.shape.size(); ++d) inner *= static_cast<size_t>(weights.shape[d]);
  std::vector<double> scale(channels, kLeastMaximum);
  const auto channel_of = [&](size_t i) { return i / inner % channels; };
  for (size_t i = 0; i < real.size(); ++i) scale[channel_of(i)] = std::max(scale[channel_of(i)], std::abs(static_cast<double>(real[i])));
  for (size_t c = 0; c < channels; ++c) {
    scale[c] /= 127;
    if (!least_scale.empty()) scale[c] = std::max(scale[c], static_cast<double>(least_scale[c]));
  }
  Value result{.name = weights.name, .shape = weights.shape, .type = ElementType::s8};
  result.quantization = Quantization{{scale.begin(), scale.end()}, std::vector<int32_t>(channels), channels == 1 ? -1 : axis};
  result.data.resize(real.size());
  const auto integers = result.elements<int8_t>();
  for (size_t i = 0; i < real.size(); ++i)
    integers[i] = static_cast<int8_t>(std::clamp(std::round(real[i] / scale[channel_of(i)]), -127.0, 127.0));
  return result;
}

}  // namespace slimpilot
