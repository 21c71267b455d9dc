// SPDX-License-Identifier: Apache-2.0
// Symmetric 8-bit quantization of one weight tensor.
#pragma once

#include "graph/graph.h"

namespace slimpilot {

/// s8 in [−127, 127] with one scale per index of `axis`: scale = max(|w|, 5·10⁻⁷)/127 in double, w/scale rounded halves away
/// from zero before the scale is rounded to float; the bytes of TensorFlow 2.21's converter. One channel: axis −1.
/// `least_scale` (one per channel, or empty) bounds the scales from below.
Value quantized_weights(const Value& weights, int axis, const std::vector<float>& least_scale = {});

}  // namespace slimpilot
