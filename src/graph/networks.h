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

/// Output channels and units of a network's layers; kernels, strides and the input stay the named network's own. The last
/// dense layer is the output.
struct NetworkWidths {
  std::vector<int> convs, lstms, dense;
  bool operator==(const NetworkWidths&) const = default;
};

/// Throws Error with the known names for an unknown one.
NetworkWidths network_widths(std::string_view name);
Graph make_network(std::string_view name, uint64_t seed);

/// A narrower or wider one, with as many layers. Constants are named "conv1/kernel", "conv1/bias", "conv_lstm1/kernel",
/// "conv_lstm1/recurrent_kernel", "conv_lstm1/bias", "dense1/kernel", "dense1/bias", …, "batch_norm/gamma" (beta, mean,
/// variance).
Graph make_network(std::string_view name, const NetworkWidths& widths, uint64_t seed);

}  // namespace slimpilot
