// SPDX-License-Identifier: Apache-2.0
// Camera frames one after the other: pictures of a folder, or raw bytes as they come. Labels are data/'s business.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "host/image_file.h"

namespace slimpilot {

struct NamedFrame {
  std::string name;  // of the file, or the frame's number from 0
  Image image;
};

/// Puts the next frame into its argument; false behind the last one. Throws Error when a frame is torn or cannot be read, and
/// Cancelled after Ctrl-C.
using FrameSource = std::function<bool(NamedFrame&)>;

/// The PNG and JPEG files of a folder in the order of their names, numbers in names by their value ("2.png" before "10.png").
/// Throws Error when the folder is missing or holds none.
FrameSource folder_frames(const std::filesystem::path& folder);

/// RGB frames of `size`, height · width · 3 bytes each, from an open file or pipe, which `name` names in errors. A frame is
/// read when it is asked for. The source throws Error when the last frame is cut off or there is none.
FrameSource raw_frames(int descriptor, ImageSize size, const std::string& name);

}  // namespace slimpilot
