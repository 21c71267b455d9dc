// SPDX-License-Identifier: Apache-2.0
// The structure of PNG and JPEG files is checked here, because OpenCV returns torn pictures with no more than a warning;
// OpenCV then decodes. PNG: ISO/IEC 15948; JPEG: ITU-T T.81 annex B.
#include "host/image_file.h"

#include <algorithm>
#include <array>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <string>
#include <string_view>

#include "base/error.h"
#include "host/atomic_file.h"
#include "host/input_file.h"

namespace slimpilot {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPngSignature("\x89PNG\r\n\x1a\n", 8);
constexpr std::string_view kJpegSignature("\xff\xd8\xff", 3);

/// Reads big-endian numbers and reports what is wrong with the file.
class StructureReader {
 public:
  explicit StructureReader(const fs::path& path) : path_(path), file_(path) {}

  uint64_t size() const { return file_.size(); }

  template <size_t count>
  std::array<uint8_t, count> bytes(uint64_t offset) const {
    std::array<uint8_t, count> read{};
    if (file_.read_at(offset, read) < count) fail("is cut off; copy it again or leave it out");
    return read;
  }

  bool starts_with(std::string_view signature) const {
    std::array<uint8_t, 8> start{};
    file_.read_at(0, start);
    return std::equal(signature.begin(), signature.end(), start.begin(),
                      [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; });
  }

  bool contains(uint64_t begin, std::array<uint8_t, 2> pair) const {
    std::vector<uint8_t> rest(size() - begin);
    rest.resize(file_.read_at(begin, rest));
    return std::search(rest.begin(), rest.end(), pair.begin(), pair.end()) != rest.end();
  }

  [[noreturn]] void fail(const std::string& problem) const { throw Error(path_.string() + ": " + problem); }

 private:
  fs::path path_;
  InputFile file_;
};

uint32_t big_endian_32(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}
int big_endian_16(const uint8_t* bytes) { return bytes[0] << 8 | bytes[1]; }

ImageSize checked_size(const StructureReader& file, int64_t height, int64_t width) {
  if (height < 1 || width < 1 || height > kMaxImageSide || width > kMaxImageSide || height * width > kMaxImagePixels) {
    file.fail("declares " + std::to_string(width) + "x" + std::to_string(height) +
              " pixels, which cannot be right; at most 16384 a side and 100 million are read");
  }
  return {.height = static_cast<int>(height), .width = static_cast<int>(width)};
}

/// Walks the chunks (length, type, data, checksum) from the header to IEND.
ImageSize probe_png(const StructureReader& file) {
  const auto header = file.bytes<16>(8);
  if (!std::equal(header.begin() + 4, header.begin() + 8, "IHDR")) file.fail("is damaged: it has no PNG header; replace it");
  const ImageSize size = checked_size(file, big_endian_32(&header[12]), big_endian_32(&header[8]));
  for (uint64_t offset = kPngSignature.size();;) {
    const auto chunk = file.bytes<8>(offset);
    const std::string_view type(reinterpret_cast<const char*>(&chunk[4]), 4);
    const bool letters = std::all_of(type.begin(), type.end(), [](char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; });
    if (!letters) file.fail("is damaged at byte " + std::to_string(offset) + "; replace it or leave it out");
    offset += 12 + uint64_t{big_endian_32(chunk.data())};
    file.bytes<1>(offset - 1);
    if (type == "IEND") return size;
  }
}

bool is_start_of_frame(int marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

/// The compressed data start at `scan`; an end marker (FF D9) cannot occur inside them.
void check_jpeg_end(const StructureReader& file, uint64_t scan) {
  constexpr uint64_t kTrailer = 65536;  // some cameras append data after the end marker
  if (scan + 2 > file.size()) file.fail("is cut off; copy it again or leave it out");
  const std::array<uint8_t, 2> end_of_image{0xFF, 0xD9};
  if (file.bytes<2>(file.size() - 2) == end_of_image) return;
  const uint64_t begin = std::max(scan, file.size() - std::min(file.size(), kTrailer));
  if (!file.contains(begin, end_of_image)) file.fail("is cut off (no end of picture); copy it again or leave it out");
}

/// Walks the segments (FF, marker, length, data) to the start of the compressed data.
ImageSize probe_jpeg(const StructureReader& file) {
  constexpr int kMaxSegments = 4096;
  ImageSize size;
  uint64_t offset = 2;
  for (int i = 0; i < kMaxSegments; ++i) {
    const auto segment = file.bytes<4>(offset);
    const int marker = segment[1];
    if (segment[0] != 0xFF) break;
    if (marker == 0xFF) {  // a fill byte
      ++offset;
      continue;
    }
    const int length = big_endian_16(&segment[2]);
    if (length < 2) break;
    if (is_start_of_frame(marker)) {
      const auto frame = file.bytes<5>(offset + 4);
      size = checked_size(file, big_endian_16(&frame[1]), big_endian_16(&frame[3]));
    }
    offset += 2 + static_cast<uint64_t>(length);
    if (marker == 0xDA && size.height > 0) {
      check_jpeg_end(file, offset);
      return size;
    }
  }
  file.fail("is damaged at byte " + std::to_string(offset) + " of its JPEG header; replace it or leave it out");
}

constexpr std::array<uint32_t, 256> make_crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? 0xEDB88320u ^ (value >> 1) : value >> 1;
    table[i] = value;
  }
  return table;
}

/// CRC-32 of ISO/IEC 15948 annex D.
uint32_t crc32(std::string_view bytes) {
  static constexpr std::array<uint32_t, 256> kTable = make_crc_table();
  uint32_t value = 0xFFFFFFFFu;
  for (const char byte : bytes) value = kTable[(value ^ static_cast<uint8_t>(byte)) & 0xFF] ^ (value >> 8);
  return ~value;
}

/// Without this libpng finds the damage too, but prints to stderr on its own. `bytes` have passed probe_png.
void check_png_checksums(const fs::path& path, std::string_view bytes) {
  const auto number_at = [&](uint64_t offset) { return big_endian_32(reinterpret_cast<const uint8_t*>(&bytes[offset])); };
  for (uint64_t offset = kPngSignature.size(); offset + 12 <= bytes.size();) {
    const uint64_t length = number_at(offset);
    if (offset + 12 + length > bytes.size()) throw Error(path.string() + ": is cut off; copy it again or leave it out");
    const std::string_view type_and_data = bytes.substr(offset + 4, length + 4);
    if (crc32(type_and_data) != number_at(offset + 8 + length)) {
      throw Error(path.string() + ": is damaged near byte " + std::to_string(offset) + " (wrong checksum); replace it");
    }
    if (type_and_data == "IEND") return;
    offset += 12 + length;
  }
}

cv::Mat decode(const fs::path& path, std::string& bytes) {
  cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
  const cv::Mat encoded(1, static_cast<int>(bytes.size()), CV_8U, bytes.data());
  cv::Mat picture;
  try {
    cv::imdecode(encoded, cv::IMREAD_COLOR | cv::IMREAD_IGNORE_ORIENTATION, &picture);
  } catch (const cv::Exception&) {
    picture.release();
  }
  if (picture.empty()) throw Error(path.string() + ": is damaged and cannot be decoded; replace it or leave it out");
  return picture;
}

}  // namespace

ImageSize probe_image(const fs::path& path) {
  const StructureReader file(path);
  if (file.size() == 0) file.fail("is empty; copy it again or leave it out");
  if (file.size() > 1'000'000'000) file.fail("is larger than 1 GB, which no picture of 100 million pixels is; replace it");
  if (file.starts_with(kPngSignature)) return probe_png(file);
  if (file.starts_with(kJpegSignature)) return probe_jpeg(file);
  file.fail("is neither a PNG nor a JPEG picture; convert it");
}

Image read_image(const fs::path& path) {
  const ImageSize size = probe_image(path);
  std::string bytes = read_file(path);
  if (bytes.starts_with(kPngSignature)) check_png_checksums(path, bytes);
  const cv::Mat picture = decode(path, bytes);
  if (picture.rows != size.height || picture.cols != size.width) {
    throw Error(path.string() + ": is damaged: header and picture differ in size; replace it or leave it out");
  }
  Image image{.height = size.height, .width = size.width, .pixels = {}};
  image.pixels.resize(static_cast<size_t>(size.height) * static_cast<size_t>(size.width) * 3);
  cv::Mat target(size.height, size.width, CV_8UC3, image.pixels.data());
  cv::cvtColor(picture, target, cv::COLOR_BGR2RGB);
  return image;
}

}  // namespace slimpilot
