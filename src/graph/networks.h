// SPDX-License-Identifier: Apache-2.0
// The networks of the reference study by name, with random weights that keep signals at about the same size from layer to layer
// (He et al. 2015), as training does. Biases are zero (forget gates one), BatchNorm is neutral.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace slimpilot {

/// `pilotnet` (66×200, valid padding, 1.60 M parameters), `pilotnet_same` (same padding, 17.0 M) and
/// `deepest_lstm_tiny_pilotnet` (50×100, 62 k): speed v and angular speed w, scaled to 0…1.
std::vector<std::string_view> network_names();

/// Throws Error with the known names for an unknown one.
Graph make_network(std::string_view name, uint64_t seed);

}  // namespace slimpilot
