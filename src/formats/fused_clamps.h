// SPDX-License-Identifier: Apache-2.0
// What readers do about clamps that a writer had to put behind a layer as operators of their own.
#pragma once

#include <span>

#include "graph/graph.h"

namespace slimpilot {

/// A convolution, depthwise convolution or dense layer of real numbers without activation, whose result only an Activation of
/// one of `kinds` reads, takes this activation into itself. It keeps its name; its output is the activation's.
void fuse_clamps(Graph& graph, std::span<const ActivationKind> kinds);

}  // namespace slimpilot
