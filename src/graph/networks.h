// SPDX-License-Identifier: Apache-2.0
// The networks of the reference study and of DeepLearningStudio by name, with random weights. Biases are zero (forget gates
// one), BatchNorm is neutral.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace slimpilot {

/// One image: `pilotnet` (66×200, valid padding, 1.60 M parameters), `pilotnet_same` (same padding, 17.0 M),
/// `deepest_lstm_tiny_pilotnet` (50×100, 62 k) and `deeppilot` (224×224, three inception modules and a head for each output).
/// Two images as channels: `pilotnet_stacked` (66×200). Sequences of three, 9 and 5 frames ago and now: `pilotnet_x3`
/// (50×100, an LSTM over PilotNet's convolutions of each), `pilotnet_x3_conv3d` (66×200, 3-D convolutions) and `memdccp`
/// (50×100, 3-D convolutions and ConvLSTM). All give speed v and angular speed w, scaled to 0…1, unless NetworkOptions name
/// other outputs. docs/training.md has their layers.
std::vector<std::string_view> network_names();

/// How weights are drawn. `trained_size`: signals stay at about the same size from layer to layer (He et al. 2015), as in a
/// trained network. `keras`: what Keras starts training from (Glorot uniform; recurrent kernels orthogonal).
enum class Initialization { trained_size, keras };

/// Output channels and units of a network's layers; kernels, strides and the input stay the named network's own. The last
/// dense layer is the output.
struct NetworkWidths {
  std::vector<int> convs, lstms, dense;
  bool operator==(const NetworkWidths&) const = default;
};

/// Throws Error with the known names for an unknown one.
NetworkWidths network_widths(std::string_view name);

/// While a network learns, each number that `node` reads is zeroed with probability `rate`, the others scaled by 1/(1 − rate).
struct DropoutAt {
  std::string node;
  double rate;
};

/// The dropout that the network's definition has. Throws as network_widths.
std::vector<DropoutAt> network_dropout(std::string_view name);

struct NetworkOptions {
  Initialization initialization = Initialization::trained_size;
  std::vector<OutputMeaning> outputs{{"v", "m/s", 6.5f, 24}, {"w", "rad/s", -7.1f, 7.1f}};
  std::optional<NetworkWidths> widths;  // a narrower or wider one, with as many layers; it also says how many outputs
};

/// Constants are named "conv1/kernel", "conv1/bias", "conv_lstm1/kernel", "conv_lstm1/recurrent_kernel", "conv_lstm1/bias",
/// "lstm1/kernel", …, "dense1/kernel", "dense1/bias", …, "batch_norm/gamma" (beta, mean, variance). Where `outputs` are not as
/// many as the network's results, these have no meaning. Throws Error with the known names for an unknown one.
Graph make_network(std::string_view name, uint64_t seed, const NetworkOptions& options = {});

}  // namespace slimpilot
