// SPDX-License-Identifier: Apache-2.0
// One TensorFlow Lite operator → nodes; the part of tflite_read.cpp that knows what operators mean.
#pragma once

#include <cstddef>
#include <vector>

#include "formats/tflite_common.h"

namespace slimpilot {

/// A graph while its operators are read. Tensor i of the file is value i; values behind them are ours.
struct TfliteReading {
  Graph graph;
  std::vector<ValueId> stands_for;  // by tensor: itself, or the constant that it dequantizes from f16 or densifies
  std::vector<bool> was_unsigned;   // by tensor: uint8 in the file, s8 in the graph
  size_t bytes_left = 0;            // tensors may share a buffer, so a small file can ask for any number of copies
  size_t unpacked_left = 0;         // and of sparse tensors' elements

  /// Called before `bytes` are allocated; throws Error when the file has used up its budget.
  void take(size_t bytes);
  /// The same for all elements of a sparse tensor.
  void take_unpacked(size_t bytes);
};

/// Appends what `op` computes. Its tensors' ids must exist. Throws Error (without the file's name) when the operator is
/// unknown or says what a graph cannot; the caller still has to verify the graph.
void append_operator(TfliteReading& reading, const tflite_schema::Operator& op, tflite_schema::BuiltinOperator code);

}  // namespace slimpilot
