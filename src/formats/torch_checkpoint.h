// SPDX-License-Identifier: Apache-2.0
// Between a PyTorch file and a graph: the tensors of a state dictionary as they are described, and their numbers on demand.
// Needs no file, so that tests and fuzzers can feed each part directly.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/torch_checkpoint_pickle.h"
#include "graph/graph.h"

namespace slimpilot {

/// A tensor is a view of a storage, which is an array in the file.
struct TorchTensor {
  std::string name;                    // without "module.", "model.", "net.", "_orig_mod."
  std::vector<int64_t> shape, stride;  // elements; none is negative
  int64_t offset = 0;                  // elements
  std::string_view storage_type;       // "FloatStorage", …; in the pickle's bytes, as the next
  std::string_view storage;            // its key in the file
  int64_t storage_elements = 0;
};

/// Bytes of an element of "FloatStorage" and so on; 0 for types that are not known.
size_t storage_element_size(std::string_view storage_type);

/// "8x3x3x3"; "scalar".
std::string shape_text(const TorchTensor& tensor);

/// The tensors of the state dictionary at the top of the pickle or under "state_dict", "model_state_dict" or "model". Other
/// entries (epochs, optimizers, …) are left out. Throws Error when there is none, with advice for whole pickled modules, and
/// for tensors whose description contradicts itself or that together have more than `max_elements`.
std::vector<TorchTensor> torch_state(const Pickle& pickle, uint64_t max_elements);

/// The bytes of a storage, little-endian; throws Error unless they are exactly so many.
using ReadStorage = std::function<std::string(const std::string& key, uint64_t bytes)>;

/// Row-major numbers. Throws Error naming the tensor for types without real numbers.
std::vector<float> tensor_values(const TorchTensor& tensor, std::string_view storage);

/// The network of the reference study whose names and shapes the tensors have, with its preprocessing. Throws Error that lists
/// what was found when none fits.
Graph torch_graph(const std::vector<TorchTensor>& tensors, const ReadStorage& read);

/// The graph in the bytes of a file.
Graph parse_torch_checkpoint(std::string_view file);

}  // namespace slimpilot
