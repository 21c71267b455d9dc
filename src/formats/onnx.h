// SPDX-License-Identifier: Apache-2.0
// ONNX files to graphs and back, without the file system; formats.h has the functions for files.
#pragma once

#include "formats/onnx_file.h"
#include "graph/graph.h"

namespace slimpilot {

struct OnnxLimits {
  size_t constant_bytes = 0;  // that the graph's constants and what is folded on the way may take
};

/// The network that the file describes, verified. Throws Error (without the file's name).
Graph onnx_graph(const OnnxModel& model, const OnnxLimits& limits);

/// Whether ONNX's LSTM computes the same as this Lstm: of real numbers, with tanh and sigmoid. Of integers to_onnx writes one
/// too, with real weights, whose hidden states are rounded at the end alone.
bool is_onnx_lstm(const Graph& graph, const Node& lstm);

/// parse_onnx_model and onnx_graph of a file's bytes, with a budget that follows from its size; refuses batches other than 1.
Graph parse_onnx(std::string_view file, const ReadBeside& read_beside);

}  // namespace slimpilot
