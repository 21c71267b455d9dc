// SPDX-License-Identifier: Apache-2.0
// What reading and writing .slim files share: the header, how a weight is stored, and how bits, gaps and codes are packed into
// bytes. docs/slim_format.md says the same in words.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace slimpilot {

static_assert(std::endian::native == std::endian::little, ".slim files and graphs are little-endian");

/// The file's first bytes. `crc32` covers all other bytes of the file; the description follows, plain where its two sizes are
/// equal and else one zstd frame.
struct SlimHeader {
  uint8_t magic[8];
  uint32_t version;
  uint32_t crc32;
  uint64_t file_bytes;
  uint64_t weight_bytes;  // of all constants when dense
  uint32_t description_bytes, stored_description_bytes;
};
static_assert(sizeof(SlimHeader) == 40);
inline constexpr uint8_t kSlimMagic[8] = {0x89, 'S', 'L', 'I', 'M', '\r', '\n', 0x1a};
inline constexpr uint32_t kSlimVersion = 3;
inline constexpr uint64_t kMostSlimWeights = uint64_t{1} << 31;
/// Whether a description may unpack to so many bytes; one that may not is stored as it is.
constexpr bool is_slim_description(uint64_t bytes, uint64_t stored_bytes) {
  return bytes <= 8 * stored_bytes || (bytes <= (uint64_t{1} << 18) && stored_bytes > 0);
}

/// How a stream is stored; `zstd_planes`: all first bytes of its elements, then all second ones, …, as one zstd frame. Only
/// plain streams are aligned.
enum class SlimCodec : uint8_t { none, zstd, zstd_planes };
inline constexpr uint64_t kSlimAlignment = 16;

struct SlimStream {
  SlimCodec codec = SlimCodec::none;
  uint64_t bytes = 0, stored_bytes = 0;
};

enum class SlimLayout : uint8_t { dense, mask, codebook, mask_codebook };
enum class SlimMask : uint8_t { bits, gaps };

/// The streams of one constant; those that its layout does not have are empty. They lie in the file in this order.
struct SlimWeight {
  SlimLayout layout = SlimLayout::dense;
  SlimMask mask_form = SlimMask::bits;
  int table_axis = -1;    // −1: one table; else one per index of this axis
  uint64_t nonzeros = 0;  // with a mask: how many elements have symbols; else all have
  SlimStream mask, table, symbols;
};
inline bool has_mask(SlimLayout layout) { return layout == SlimLayout::mask || layout == SlimLayout::mask_codebook; }
inline bool has_table(SlimLayout layout) { return layout >= SlimLayout::codebook; }

/// Which table the element at an index of the row-major data uses: index / inner % tables.
struct TableOrder {
  size_t tables = 1, inner = 1;
  size_t table_of(size_t index) const { return tables == 1 ? 0 : index / inner % tables; }
};
inline TableOrder table_order(const Shape& shape, int axis) {
  TableOrder order;
  if (axis < 0) return order;
  order.tables = static_cast<size_t>(shape[static_cast<size_t>(axis)]);
  for (size_t i = static_cast<size_t>(axis) + 1; i < shape.size(); ++i) order.inner *= static_cast<size_t>(shape[i]);
  return order;
}

inline constexpr size_t kMostCodes = 256;

/// How many codes below `base` fit one byte, first code least: byte = c0 + c1·base + c2·base² …. 0: there is but one code, and
/// nothing is stored.
inline size_t codes_per_byte(size_t base) {
  if (base < 2) return 0;
  size_t count = 0;
  for (size_t states = base; states <= kMostCodes; states *= base) ++count;
  return count;
}
inline size_t code_bytes(size_t codes, size_t base) {
  const size_t per_byte = codes_per_byte(base);
  return per_byte == 0 ? 0 : (codes + per_byte - 1) / per_byte;
}

/// A gap of this many zeros without a non-zero behind it.
inline constexpr uint8_t kLongGap = 255;

/// Calls `work` with an unsigned integer of so many bytes (1, 2, 4, 8), whose type elements are then read as.
template <class Work>
auto with_element_type(ElementType type, const Work& work) {
  switch (element_size(type)) {
    case 1: return work(uint8_t{});
    case 2: return work(uint16_t{});
    case 4: return work(uint32_t{});
    default: return work(uint64_t{});
  }
}

/// CRC-32 (ISO-HDLC, as in zlib) of the file without the header's field `crc32`.
uint32_t slim_crc32(std::span<const std::byte> file);

/// Sets the header's magic, version, size and checksum; `file` holds at least a header.
void seal_slim(std::span<std::byte> file);

/// Throws Error saying what is wrong with a file whose checksum is right.
[[noreturn]] void malformed_slim(const std::string& what);

/// A constant's streams as they are stored.
struct SlimStreams {
  std::span<const std::byte> mask, table, symbols;
};

/// The value's dense data. Throws Error for streams that do not fit its shape and type.
std::vector<std::byte> decode_slim_weight(const Value& value, const SlimWeight& weight, const SlimStreams& stored);

/// The bytes that `stored` unpacks to; throws Error unless these are exactly `bytes`.
std::vector<std::byte> unpack_zstd(std::span<const std::byte> stored, uint64_t bytes);

/// A constant in the smallest encoding, its streams as they are stored.
struct EncodedSlimWeight {
  SlimWeight weight;
  size_t codes = 0;  // entries of the largest codebook
  std::vector<std::byte> mask, table, symbols;
};
EncodedSlimWeight encode_slim_weight(const Value& value, bool zstd);

/// `bytes` as one zstd frame: Huffman codes of bytes alone at 300 MB/s, or also with a search for repetitions.
enum class SlimEffort : uint8_t { huffman, repetitions };
std::vector<std::byte> pack_zstd(std::span<const std::byte> bytes, SlimEffort effort);

}  // namespace slimpilot
