// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: any bytes are an Error or a graph, and a graph that was read comes back equal when written and read again.
// Size and checksum in the header are made right first, or nothing would get past them.
#include <cstring>

#include "base/error.h"
#include "formats/slim/slim.h"
#include "formats/slim/slim_layout.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace slimpilot;
  const auto input = std::as_bytes(std::span(data, size));
  std::vector<std::byte> file(input.begin(), input.end());
  SlimHeader header;
  if (size < sizeof header) return 0;
  seal_slim(file);
  std::memcpy(&header, file.data(), sizeof header);
  constexpr uint64_t kMostWeights = 1 << 22;  // small files may declare 2 GB of zeros
  if (header.weight_bytes > kMostWeights) return 0;
  Graph graph;
  try {
    graph = read_slim(file);
  } catch (const Error&) {
    return 0;
  }
  check(read_slim(to_slim(graph, {.zstd = (size & 1) != 0})) == graph);
  return 0;
}
