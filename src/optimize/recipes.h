// SPDX-License-Identifier: Apache-2.0
// The techniques that a user can name.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "optimize/pass.h"

namespace slimpilot {

/// All techniques, in the order of the report. Each gets the simplified float graph.
std::span<const Pass> techniques();

/// The named ones in the report's order, or all for "all". Throws Error with the known names for an unknown one.
std::vector<const Pass*> find_techniques(const std::vector<std::string>& names);

}  // namespace slimpilot
