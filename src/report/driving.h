// SPDX-License-Identifier: Apache-2.0
// Drives as a person sees them: tables and the path over the circuit.
#pragma once

#include <string>
#include <vector>

#include "eval/driving_results.h"
#include "sim/circuits.h"

namespace slimpilot {

/// One line per circuit: laps, success rate with interval, lap time, lateral errors, Behavior Metrics' numbers.
std::string driving_table(const DrivingRun& run);

/// One line per point of a sweep and circuit.
std::string sweep_table(const DrivingRun& run, const std::string& what);

/// An SVG: the road, the driven paths coloured from green (on the line) over yellow to red (0.5 m beside it and more), a cross
/// where a drive ended early.
std::string path_picture(const Circuit& circuit, const std::vector<Episode>& episodes);

}  // namespace slimpilot
