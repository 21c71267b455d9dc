// SPDX-License-Identifier: Apache-2.0
// Driving as results.json and the file of `drive --json` share it.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "eval/driving.h"

namespace slimpilot {

/// Behavior Metrics' names and the lateral errors in metres; what is not finite is null.
nlohmann::ordered_json to_json(const DrivingMetrics& metrics);

/// The circuit, how many drives finished, the interval, and the mean metrics beside them.
nlohmann::ordered_json to_json(const DrivingSummary& summary);

}  // namespace slimpilot
