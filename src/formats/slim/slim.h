// SPDX-License-Identifier: Apache-2.0
// .slim, the file that is deployed: a graph whose weights take about as many bytes as they hold information. The format is
// defined in docs/slim_format.md. Reading is linked by robots: bytes in, graph out, no files and no streams.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace slimpilot {

/// The graph in the bytes of a .slim file, all weights dense again, verified: equal to what to_slim was given. Throws Error
/// for other bytes; allocates at most a small multiple of them and of the weights that the file declares (at most 2 GB).
Graph read_slim(std::span<const std::byte> bytes);

struct SlimOptions {
  bool zstd = true;  // false: every stream as it is, at a multiple of 16 bytes; larger, and read without decompression
};

/// The bytes of a .slim file; the smallest encoding that the format has for each weight. Throws Error when the graph is not
/// valid, a number in its preprocessing or meaning is not finite, or its weights exceed 2 GB.
std::vector<std::byte> to_slim(const Graph& graph, const SlimOptions& options = {});

/// How a constant is stored in a .slim file: "gaps zstd + codebook 8 zstd" ("codebooks": one per channel), and its bytes there,
/// without its name and shape.
struct SlimStorage {
  std::string encoding;
  size_t bytes = 0;
};
SlimStorage slim_storage(const Value& constant, const SlimOptions& options = {});

}  // namespace slimpilot
