// SPDX-License-Identifier: Apache-2.0
// From what a Keras file holds to a graph: needs no file, so that tests and fuzzers can feed it directly.
#pragma once

#include "formats/formats.h"
#include "formats/keras_content.h"

namespace slimpilot {

/// The model as a verified graph with batch 1. Nodes are named like layers, their constants "LAYER/kernel",
/// "LAYER/bias", …; a layer's activation is a node "LAYER/relu" of its own; dropout vanishes. Throws Error naming the layer.
Graph keras_graph(const KerasFile& file, const ReadOptions& options);

}  // namespace slimpilot
