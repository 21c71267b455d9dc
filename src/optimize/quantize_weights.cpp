// SPDX-License-Identifier: Apache-2.0
// Symmetric 8-bit quantization of weights; rounding as TensorFlow's converter does it, so that bytes can be compared.
#include "optimize/quantize_weights.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

constexpr double kLeastMaximum = 5e-7;  // of |w| in a channel; so that channels of zeros have a scale

/// A constant's numbers and which channel each belongs to.
struct Channels {
  std::vector<float> weights;
  size_t count, inner;

  Channels(const Value& value, int axis)
      : weights(constant_as_floats(value)), count(static_cast<size_t>(value.shape[static_cast<size_t>(axis)])), inner(1) {
    for (size_t d = static_cast<size_t>(axis) + 1; d < value.shape.size(); ++d) inner *= static_cast<size_t>(value.shape[d]);
  }
  size_t of(size_t i) const { return i / inner % count; }

  /// max|w|/most of each channel.
  std::vector<double> full_scales(int most) const {
    std::vector<double> scales(count, kLeastMaximum);
    for (size_t i = 0; i < weights.size(); ++i)
      scales[of(i)] = std::max(scales[of(i)], std::abs(static_cast<double>(weights[i])));
    for (double& scale : scales) scale /= most;
    return scales;
  }
};

double rounded(float weight, double scale, int most) {
  return std::clamp(std::round(weight / scale), -static_cast<double>(most), static_cast<double>(most));
}

Value with_scales(const Value& weights, const Channels& channels, const std::vector<double>& scales, int axis, int most) {
  Value result{.name = weights.name, .shape = weights.shape, .type = ElementType::s8, .constraint = weights.constraint};
  result.quantization =
      Quantization{{scales.begin(), scales.end()}, std::vector<int32_t>(scales.size()), scales.size() == 1 ? -1 : axis};
  result.data.resize(channels.weights.size());
  const auto integers = result.elements<int8_t>();
  for (size_t i = 0; i < integers.size(); ++i)
    integers[i] = static_cast<int8_t>(rounded(channels.weights[i], scales[channels.of(i)], most));
  return result;
}

}  // namespace

Value quantized_weights(const Value& weights, int axis) {
  const Channels channels(weights, axis);
  return with_scales(weights, channels, channels.full_scales(127), axis, 127);
}

Value fitted_weights(const Value& weights, int axis, const FittedScales& scales) {
  const Channels channels(weights, axis);
  std::vector<double> full = channels.full_scales(scales.most), best = full;
  for (size_t c = 0; c < full.size(); ++c) full[c] = std::max(full[c], static_cast<double>(scales.least_scale[c]));
  parallel_for(full.size(), [&](size_t first, size_t last) {
    std::vector<double> least(full.size(), 1e300), error(full.size()), scale(full.size());
    for (int step = 0; step <= 20; ++step) {
      for (size_t c = first; c < last; ++c)
        scale[c] = std::max(full[c] * (1 - (1 - scales.least) / 20 * step), static_cast<double>(scales.least_scale[c])),
        error[c] = 0;
      for (size_t i = 0; i < channels.weights.size(); ++i) {
        const size_t c = channels.of(i);
        if (c < first || c >= last) continue;
        const double difference = rounded(channels.weights[i], scale[c], scales.most) * scale[c] - channels.weights[i];
        error[c] += difference * difference * scales.importance[i % scales.importance.size()];
      }
      for (size_t c = first; c < last; ++c)
        if (error[c] < least[c]) least[c] = error[c], best[c] = scale[c];
    }
  });
  return with_scales(weights, channels, best, axis, scales.most);
}

}  // namespace slimpilot
