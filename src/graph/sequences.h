// SPDX-License-Identifier: Apache-2.0
// Layers over sequences of images [1,T,H,W,C] as ops on images, which is all that graphs have (ADR 0021): frames lie in the
// batch, windows over time become channels.
#pragma once

#include <string>

#include "graph/graph.h"

namespace slimpilot {

/// The frames of a sequence [1,T,…] as a batch [T,…] and back; the node is called `name`. Throws Error when there is no time,
/// or more than one sequence.
ValueId append_frames(Graph& graph, const std::string& name, ValueId sequence);
ValueId append_sequence(Graph& graph, const std::string& name, ValueId frames);

/// The frames [T',H',W',O] of a 3-D convolution of a sequence [1,T,H,W,C]. `kernel` is a constant of the layout
/// [KT,KH,KW,C,O], `bias` [O]; `conv` has the strides and padding over images, `stride_t` is that over time. `same` pads time
/// too. Its nodes are called `name`, `name`/….
struct Conv3D {
  Conv2D conv;
  int stride_t = 1;
};
ValueId append_conv3d(Graph& graph, const std::string& name, const Conv3D& op, ValueId sequence, ValueId kernel, ValueId bias);

/// A sequence [1,T',H',W',C] that is pooled over images and then over time: for maxima and means that is the same.
ValueId append_pool3d(Graph& graph, const std::string& name, const Pool2D& pool, int window_t, int stride_t, ValueId sequence);

}  // namespace slimpilot
