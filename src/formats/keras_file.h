// SPDX-License-Identifier: Apache-2.0
// Loading Keras files: libhdf5 reads them in a child process, which sends what they hold.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "formats/keras_content.h"

namespace slimpilot {

/// Reads `path` with libhdf5 in a child process, since libhdf5 crashes on hostile files. Throws Error for what is no file
/// saved by model.save, declares more weights than 2 GiB or 64 times its size, or links to other files.
KerasFile load_keras_file(const std::filesystem::path& path);

/// The same of a .keras file: a zip archive of config.json, metadata.json and model.weights.h5.
KerasFile load_keras_archive(const std::filesystem::path& path);

/// The weights alone of the bytes of a model.weights.h5.
KerasFile load_keras_weights(const std::string& bytes);

/// What the child sends, and its inverse, which throws Error for anything else.
std::string encode_keras_file(const KerasFile& file);
KerasFile decode_keras_file(std::string_view bytes);

}  // namespace slimpilot
