// SPDX-License-Identifier: Apache-2.0
// Constants of TensorFlow Lite files that are stored without their zeros: which weights are written so and how, and how any
// of them is read. The operator DENSIFY stands between such a constant and the layer
// (docs/decisions/0013-tflite-stores-zeros-sparsely.md).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "graph/graph.h"

namespace tflite_schema {
struct SparsityParameters;
struct SparsityParametersT;
}  // namespace tflite_schema

namespace slimpilot {

/// A sparse constant may unpack to so many times its indices' bytes; the writer leaves dense what would be more, and the
/// reader gives all of a file's together so many times the file's.
inline constexpr size_t kMostUnpacked = 256;

/// By value: whether it is the weight of layers only that LiteRT computes rightly behind a DENSIFY, with XNNPACK and without:
/// real and int16 ones, and int8 convolutions. Throws Error as arithmetic_of does.
std::vector<bool> densifiable_weights(const Graph& graph);

/// The elements of `weight` other than zero (a float's −0 is other), and in `sparsity` where they are: every dimension dense
/// but the last, which is compressed. nullopt, without a change, where that takes no less of the file than all elements.
std::optional<std::vector<std::byte>> encode_sparse(const Value& weight, tflite_schema::SparsityParametersT& sparsity);

/// Where a constant's stored elements belong: its dense shape, and the bytes of an element.
struct DenseLayout {
  Shape shape;
  size_t element_size = 0;
};

/// All elements, for any random or block sparsity. Throws Error (a predicate: "is sparse, but …") unless order, blocks,
/// segments and indices fit the shape and each other and account for every byte of `stored`. Allocates what it returns.
std::vector<std::byte> decode_sparse(const tflite_schema::SparsityParameters& sparsity, const DenseLayout& layout,
                                     std::span<const std::byte> stored);

}  // namespace slimpilot
