// SPDX-License-Identifier: Apache-2.0
// What a model needs for driving and formats of others have no place for, as JSON that travels in their metadata.
#pragma once

#include <string>
#include <string_view>

#include "graph/graph.h"

namespace slimpilot {

/// The name under which files hold the text, and its largest size when read.
inline constexpr char kMetadataName[] = "slimpilot";
inline constexpr size_t kMetadataLimit = size_t{1} << 20;

/// Name, preprocessing, outputs' meaning, and the outputs' tensor names in the order in which they are concatenated. Throws
/// Error for NaN, infinity or text that is not UTF-8.
std::string metadata_of(const Graph& graph);

/// Sets what metadata_of wrote, and puts graph.outputs into its order. Throws Error for malformed text.
void apply_metadata(std::string_view json, Graph& graph);

}  // namespace slimpilot
