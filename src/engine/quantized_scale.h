// SPDX-License-Identifier: Apache-2.0
// From real scales to the fixed-point numbers of integer kernels, as docs/int8.md defines them.
#pragma once

#include <cstdint>
#include <span>

#include "graph/graph.h"

namespace slimpilot {

/// real ≈ multiplier · 2^(shift − 31), with multiplier in [2³⁰, 2³¹) (0 for zero and for what underflows).
struct FixedPoint {
  int32_t multiplier;
  int shift;
};
FixedPoint fixed_point(double real);

/// Whether IntegerResult::short_rescale holds for outputs whose weights lie one after the other: no sum, whatever the inputs,
/// leaves ±2³⁰ when it is shifted to the left, and no result is shifted further to the right than 22.
bool fits_short_rescale(std::span<const int8_t> weights, std::span<const int32_t> bias, std::span<const int32_t> shift,
                        int32_t input_zero_point);

/// zero_point + round(real / scale), limited to the type.
int32_t quantize_limited(float real, float scale, int32_t zero_point, ElementType type);

/// The integers to which a clamping activation limits a tensor of this type and quantization.
IntegerRange quantized_clamp(ActivationKind kind, const Value& tensor);

}  // namespace slimpilot
