// SPDX-License-Identifier: Apache-2.0
// Symmetric 8-bit quantization of one weight tensor.
#pragma once

#include "graph/graph.h"

namespace slimpilot {

/// s8 in [−127, 127] with one scale per index of `axis`: scale = max(|w|, 5·10⁻⁷)/127 in double, w/scale rounded halves away
/// from zero before the scale is rounded to float; the bytes of TensorFlow 2.21's converter. One channel: axis −1.
Value quantized_weights(const Value& weights, int axis);

/// The same, but each scale is the one of 21 between 80 % and 100 % of max|w|/127 (or `least_scale`, if greater) that makes the
/// least error Σ ε²·importance, ε being what rounding and clipping change. `importance`: the variance of each input channel
/// (index of the last dimension).
Value fitted_weights(const Value& weights, int axis, const std::vector<float>& least_scale,
                     const std::vector<float>& importance);

}  // namespace slimpilot
