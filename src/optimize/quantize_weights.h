// SPDX-License-Identifier: Apache-2.0
// Symmetric 8-bit quantization of one weight tensor.
#pragma once

#include "graph/graph.h"

namespace slimpilot {

/// s8 in [−127, 127] with one scale per index of `axis`: scale = max(|w|, 5·10⁻⁷)/127 in double, w/scale rounded halves away
/// from zero before the scale is rounded to float; the bytes of TensorFlow 2.21's converter. One channel: axis −1.
Value quantized_weights(const Value& weights, int axis);

/// The same in [−most, most], 127 or 7 for 8 or 4 bits, but each scale is the one of 21 between `least` (.8) and 100 % of
/// max|w|/most (or `least_scale`, if greater) that makes the least error Σ ε²·importance, ε being what rounding and clipping
/// change. `importance`: the variance of each input channel (index of the last dimension).
struct FittedScales {
  std::vector<float> least_scale, importance;
  int most = 127;
  double least = 0.8;
};
Value fitted_weights(const Value& weights, int axis, const FittedScales& scales);

}  // namespace slimpilot
