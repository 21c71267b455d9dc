// SPDX-License-Identifier: Apache-2.0
// The only caller of libhdf5. libhdf5 1.10 crashes on hostile files, so this runs in a child process alone
// (keras_file.cpp).
#pragma once

#include <cstdint>
#include <string>

#include "formats/keras_content.h"

namespace slimpilot {

/// The most weights that a Keras file may declare, in bytes as float32.
inline constexpr uint64_t kKerasWeightBytes = uint64_t{2} << 30;

/// How many bytes of weights a file of `file_bytes` may declare: 64 times its size, since weights hardly compress.
size_t keras_weight_budget(uint64_t file_bytes);

/// Reads configuration and weights. May crash or hang; nothing is closed, the process is expected to end. Throws Error.
KerasFile read_keras_hdf5(const std::string& path, uint64_t file_bytes);

/// The weights alone, of the bytes of a model.weights.h5.
KerasFile read_keras_weights(const std::string& bytes);

}  // namespace slimpilot
