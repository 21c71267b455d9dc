// SPDX-License-Identifier: Apache-2.0
// Which frames of the recordings are used: slices of one recording, and the split into training and validation.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace slimpilot {

/// Frames first, first + step, … before last, like a Python slice; counted from 0 in a recording's usable frames.
struct FrameSelection {
  uint64_t first = 0, last = std::numeric_limits<uint64_t>::max(), step = 1;
  bool operator==(const FrameSelection&) const = default;
};

/// Reads "FIRST:LAST:STEP", where each part may be missing ("::15", ":100"), or one number ("7": that frame alone).
/// Throws UsageError for anything else.
FrameSelection parse_frame_selection(const std::string& text);

/// Those that "FIRST:LAST:STEP" (empty: all) selects from each recording, as ids: the recordings stay whole, since a network
/// may also see the frames before one that is selected. Throws UsageError for other text, Error when no frame of any is
/// selected.
std::vector<FrameId> select_frames(const std::vector<Recording>& recordings, const std::string& text);

struct Split {
  std::vector<Recording> training, validation;
};

/// Frames left out between the two parts of a single recording: neighbours a fraction of a second apart look the same.
inline constexpr size_t kSplitGap = 20;

/// Gives about `fraction` (0…1, exclusive) of the frames to validation, as whole recordings chosen by `seed`, at least one
/// on each side. A single recording is cut: its end validates, and the kSplitGap frames before that (at most a tenth of
/// the recording) are left out. Throws Error when there are too few frames for both.
Split split_by_recording(std::vector<Recording> recordings, double fraction, uint64_t seed);

}  // namespace slimpilot
