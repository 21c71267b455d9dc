// SPDX-License-Identifier: Apache-2.0
// Pictures in PNG and JPEG files. A file that is torn, damaged or absurdly large is an Error, never half a picture.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "host/atomic_file.h"

namespace slimpilot {

/// A colour picture: height · width · 3 values 0…255, rows from the top, RGB interleaved.
struct Image {
  int height = 0, width = 0;
  std::vector<uint8_t> pixels;
  bool operator==(const Image&) const = default;
};

struct ImageSize {
  int height = 0, width = 0;
  bool operator==(const ImageSize&) const = default;
};

/// No picture may be larger: a small file can declare terabytes.
inline constexpr int kMaxImageSide = 16384;
inline constexpr int64_t kMaxImagePixels = 100'000'000;

/// The size in pixels of a PNG or JPEG file, from its structure alone (tens of microseconds): the header is read and
/// the end must be there. Throws Error "PATH: …" when the file is missing, neither PNG nor JPEG, cut off or too large.
ImageSize probe_image(const std::filesystem::path& path);

/// The picture as 8-bit RGB; grey is repeated, alpha dropped, 16 bits reduced, Exif orientation ignored. Throws Error
/// as probe_image does, and for a PNG whose checksums are wrong. (A JPEG has none: wrong bytes in its middle pass.)
Image read_image(const std::filesystem::path& path);

/// Writes an 8-bit RGB PNG, complete or not at all. Throws Error when the file cannot be written.
void write_png(const std::filesystem::path& path, const Image& image, Durability durability = Durability::disk);

}  // namespace slimpilot
