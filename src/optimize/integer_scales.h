// SPDX-License-Identifier: Apache-2.0
// Which scale every activation of a network gets in integers.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "optimize/calibrate.h"

namespace slimpilot {

/// The least scale with which the type covers `range` (widened to hold zero): s8 asymmetric, s16 symmetric. (Not (high −
/// low)/255: with −½…½ that puts every one of 256 grey levels on a rounding tie.)
Quantization quantization_of_range(ValueRange range, ElementType type);

/// One quantization per value id (constants: empty). Ops that only move or choose numbers keep their input's; sigmoid, tanh and
/// clips to 0…1 have fixed ones; a range in front of a function is cut where the function saturates.
std::vector<Quantization> integer_scales(const Graph& graph, const std::map<std::string, ValueRange>& ranges, ElementType type);

/// The scale that an op's result always has: sigmoid, clips to 0…1, in 16 bits also tanh.
std::optional<Quantization> fixed_scale(const Op& op, ElementType type);

/// What an op's result cannot exceed, whatever its inputs: the limits of its activation.
ValueRange result_limits(const Op& op);

/// Whether an op's result has the scale of its input, as it only moves or chooses numbers.
bool keeps_scale(const Op& op);

}  // namespace slimpilot
