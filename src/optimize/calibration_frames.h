// SPDX-License-Identifier: Apache-2.0
// Which frames calibrate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace slimpilot {

/// Indices of at most `count` of the frames whose float32 outputs are `predictions` [frame][output]. One half is spread evenly
/// over each output's range, ends included, because drives are mostly straight and a random choice misses the bends in which
/// activations are largest; the rest is random. Deterministic by `seed`. With a `stretch` they are whole stretches of so many
/// frames, the last one may be shorter, and those that have frames spread like that.
std::vector<size_t> choose_calibration_frames(const std::vector<std::vector<float>>& predictions, size_t count, uint64_t seed,
                                              size_t stretch = 1);

}  // namespace slimpilot
