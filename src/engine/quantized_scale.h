// SPDX-License-Identifier: Apache-2.0
// From real scales to the fixed-point numbers of integer kernels, as docs/int8.md defines them.
#pragma once

#include <cstdint>

#include "graph/graph.h"

namespace slimpilot {

/// real ≈ multiplier · 2^(shift − 31), with multiplier in [2³⁰, 2³¹) (0 for zero and for what underflows).
struct FixedPoint {
  int32_t multiplier;
  int shift;
};
FixedPoint fixed_point(double real);

/// zero_point + round(real / scale), limited to the type.
int32_t quantize_limited(float real, float scale, int32_t zero_point, ElementType type);

/// The integers to which a clamping activation limits a tensor of this type and quantization.
IntegerRange quantized_clamp(ActivationKind kind, const Value& tensor);

}  // namespace slimpilot
