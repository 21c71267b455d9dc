// SPDX-License-Identifier: Apache-2.0
// Stored streams → dense data. Every count is checked before it is used; nothing larger than the constant itself is allocated.
#include <zstd.h>

#include <bit>
#include <cstring>

#include "formats/slim/slim_layout.h"

namespace slimpilot {
namespace {

using Bytes = std::vector<std::byte>;

/// A stream's bytes, unpacked where it is packed.
class Unpacked {
 public:
  Unpacked(const SlimStream& stream, std::span<const std::byte> stored, size_t element_bytes) : bytes_(stored) {
    if (stream.codec == SlimCodec::none) return;
    storage_ = unpack_zstd(stored, stream.bytes);
    if (stream.codec == SlimCodec::zstd_planes && element_bytes == 1) malformed_slim("a stream of bytes is in planes");
    if (stream.codec == SlimCodec::zstd_planes) storage_ = from_planes(storage_, element_bytes);
    bytes_ = storage_;
  }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  static Bytes from_planes(const Bytes& planes, size_t element_bytes) {
    if (planes.size() % element_bytes != 0) malformed_slim("a stream of planes is not a number of elements");
    Bytes result(planes.size());
    const size_t count = planes.size() / element_bytes;
    for (size_t plane = 0; plane < element_bytes; ++plane)
      for (size_t i = 0; i < count; ++i) result[i * element_bytes + plane] = planes[plane * count + i];
    return result;
  }

  Bytes storage_;
  std::span<const std::byte> bytes_;
};

/// One bit per element, least significant first.
Bytes mask_from_gaps(std::span<const std::byte> gaps, size_t count) {
  Bytes bits((count + 7) / 8);
  size_t position = 0;
  for (const std::byte gap : gaps) {
    position += static_cast<size_t>(gap);
    if (static_cast<uint8_t>(gap) == kLongGap) continue;
    if (position >= count) malformed_slim("a mask has more elements than its weight");
    bits[position / 8] |= std::byte{1} << (position % 8);
    ++position;
  }
  return bits;
}

Bytes read_mask(const SlimWeight& weight, std::span<const std::byte> stored, size_t count) {
  const size_t most = weight.mask_form == SlimMask::bits ? (count + 7) / 8 : weight.nonzeros + count / kLongGap;
  const size_t least = weight.mask_form == SlimMask::bits ? most : 0;
  if (weight.mask.bytes < least || weight.mask.bytes > most) malformed_slim("a mask does not fit its weight");
  const Unpacked mask(weight.mask, stored, 1);
  Bytes bits;
  if (weight.mask_form == SlimMask::gaps)
    bits = mask_from_gaps(mask.bytes(), count);
  else
    bits.assign(mask.bytes().begin(), mask.bytes().end());
  uint64_t nonzeros = 0;
  for (const std::byte b : bits) nonzeros += static_cast<uint64_t>(std::popcount(static_cast<uint8_t>(b)));
  const bool stray = count % 8 != 0 && (bits.back() >> (count % 8)) != std::byte{0};
  if (nonzeros != weight.nonzeros || stray) malformed_slim("a mask has another number of elements than it declares");
  return bits;
}

/// The tables, one behind the other: table t is entries[first[t]] up to entries[first[t + 1]].
template <class T>
struct Tables {
  std::vector<size_t> first{0};
  std::vector<T> entries;
  size_t base = 0;  // the largest table's size
};

template <class T>
Tables<T> read_tables(const SlimWeight& weight, std::span<const std::byte> stored, size_t count) {
  using Size = uint16_t;
  if (weight.table.bytes > count * (sizeof(Size) + kMostCodes * sizeof(T))) malformed_slim("a codebook is too large");
  const Unpacked stream(weight.table, stored, 1);
  const auto bytes = stream.bytes();
  if (bytes.size() < count * sizeof(Size)) malformed_slim("a codebook is too short");
  Tables<T> tables;
  for (size_t t = 0; t < count; ++t) {
    Size size;
    std::memcpy(&size, bytes.data() + t * sizeof size, sizeof size);
    if (size > kMostCodes) malformed_slim("a codebook has too many entries");
    tables.base = std::max<size_t>(tables.base, size);
    tables.first.push_back(tables.first.back() + size);
  }
  const auto values = bytes.subspan(count * sizeof(Size));
  if (values.size() != tables.first.back() * sizeof(T)) malformed_slim("a codebook has another size than it declares");
  tables.entries.resize(tables.first.back());
  if (!values.empty()) std::memcpy(tables.entries.data(), values.data(), values.size());
  return tables;
}

/// Gives one code after the other.
class Codes {
 public:
  Codes(std::span<const std::byte> bytes, size_t base) : bytes_(bytes), base_(base), per_byte_(codes_per_byte(base)) {}
  size_t next() {
    if (per_byte_ == 0) return 0;
    if (left_ == 0) {
      rest_ = static_cast<size_t>(bytes_[position_++]);
      left_ = per_byte_;
    }
    --left_;
    if (per_byte_ == 1) return rest_;
    const size_t code = rest_ % base_;
    rest_ /= base_;
    return code;
  }

 private:
  std::span<const std::byte> bytes_;
  size_t base_, per_byte_, position_ = 0, left_ = 0, rest_ = 0;
};

/// Calls `store(i)` for every element that has a symbol.
template <class Store>
void for_symbols(const SlimWeight& weight, const Bytes& mask, size_t count, const Store& store) {
  if (!has_mask(weight.layout)) {
    for (size_t i = 0; i < count; ++i) store(i);
    return;
  }
  for (size_t byte = 0; byte < mask.size(); ++byte)
    for (unsigned bits = static_cast<uint8_t>(mask[byte]); bits != 0; bits &= bits - 1)
      store(byte * 8 + static_cast<size_t>(std::countr_zero(bits)));
}

template <class T>
void store_codes(const Value& value, const SlimWeight& weight, const Bytes& mask, const SlimStreams& stored,
                 std::span<T> result) {
  if (weight.table_axis < -1 || weight.table_axis >= static_cast<int>(value.shape.size()))
    malformed_slim("a codebook's axis is not one of its weight");
  const TableOrder order = table_order(value.shape, weight.table_axis);
  const Tables<T> tables = read_tables<T>(weight, stored.table, order.tables);
  const size_t symbols = has_mask(weight.layout) ? weight.nonzeros : result.size();
  if (weight.symbols.bytes != code_bytes(symbols, tables.base)) malformed_slim("a weight has too few or too many codes");
  const Unpacked stream(weight.symbols, stored.symbols, 1);
  Codes codes(stream.bytes(), tables.base);
  for_symbols(weight, mask, result.size(), [&](size_t i) {
    const size_t table = order.table_of(i), code = codes.next();
    if (code >= tables.first[table + 1] - tables.first[table]) malformed_slim("a code is not in its codebook");
    result[i] = tables.entries[tables.first[table] + code];
  });
}

template <class T>
void store_values(const SlimWeight& weight, const Bytes& mask, const SlimStreams& stored, std::span<T> result) {
  const size_t symbols = has_mask(weight.layout) ? weight.nonzeros : result.size();
  if (weight.symbols.bytes != symbols * sizeof(T)) malformed_slim("a weight has too few or too many elements");
  const Unpacked stream(weight.symbols, stored.symbols, sizeof(T));
  const std::byte* next = stream.bytes().data();
  for_symbols(weight, mask, result.size(), [&](size_t i) {
    std::memcpy(&result[i], next, sizeof(T));
    next += sizeof(T);
  });
}

}  // namespace

Bytes unpack_zstd(std::span<const std::byte> stored, uint64_t bytes) {
  // A block of 128 kB takes at least four bytes, so a small file cannot make us allocate much.
  constexpr uint64_t kMostRatio = (uint64_t{1} << 17) / 4;
  if (bytes > stored.size() * kMostRatio) malformed_slim("a stream declares an absurd size");
  Bytes result(bytes);
  const size_t written = ZSTD_decompress(result.data(), result.size(), stored.data(), stored.size());
  if (ZSTD_isError(written) || written != bytes) malformed_slim("a stream cannot be unpacked");
  return result;
}

Bytes decode_slim_weight(const Value& value, const SlimWeight& weight, const SlimStreams& stored) {
  const size_t count = static_cast<size_t>(element_count(value.shape));
  if (!has_mask(weight.layout) && weight.mask.bytes + weight.nonzeros != 0)
    malformed_slim("a weight has a mask that it does not use");
  if (!has_table(weight.layout) && weight.table.bytes != 0) malformed_slim("a weight has a codebook that it does not use");
  if (weight.nonzeros > count) malformed_slim("a mask has more elements than its weight");
  Bytes mask;
  if (has_mask(weight.layout)) mask = read_mask(weight, stored.mask, count);
  Bytes data(count * element_size(value.type));
  with_element_type(value.type, [&](auto element) {
    using T = decltype(element);
    const std::span<T> result(reinterpret_cast<T*>(data.data()), count);
    has_table(weight.layout) ? store_codes<T>(value, weight, mask, stored, result)
                             : store_values<T>(weight, mask, stored, result);
  });
  return data;
}

}  // namespace slimpilot
