// SPDX-License-Identifier: Apache-2.0
// Dense data → the smallest set of streams. Candidates are packed by Huffman codes alone, which is nearly all there is to gain
// from weights and takes no time; only the best one is packed again with a search for repetitions.
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include "base/error.h"
#include "formats/slim/slim_layout.h"

namespace slimpilot {
namespace {

using Bytes = std::vector<std::byte>;

/// One way to store a constant, before compression.
struct Candidate {
  SlimWeight weight;
  size_t codes = 0;
  Bytes mask, table, symbols;
};

struct PackedStream {
  SlimStream stream;
  Bytes stored;
};

Bytes to_planes(const Bytes& elements, size_t element_bytes) {
  Bytes planes(elements.size());
  const size_t count = elements.size() / element_bytes;
  for (size_t plane = 0; plane < element_bytes; ++plane)
    for (size_t i = 0; i < count; ++i) planes[plane * count + i] = elements[i * element_bytes + plane];
  return planes;
}

class Packer {
 public:
  Packer(size_t element_bytes, bool zstd, SlimEffort effort) : element_bytes_(element_bytes), zstd_(zstd), effort_(effort) {}

  /// `elements`: the bytes are elements of the weight's type, whose planes can be packed instead.
  PackedStream pack(const Bytes& bytes, bool elements) const {
    PackedStream best{{SlimCodec::none, bytes.size(), bytes.size()}, bytes};
    if (!zstd_ || bytes.empty()) return best;
    try_codec(best, SlimCodec::zstd, bytes);
    if (elements && element_bytes_ > 1) try_codec(best, SlimCodec::zstd_planes, to_planes(bytes, element_bytes_));
    return best;
  }
  size_t size_of(const Candidate& c) const {
    const bool elements = !has_table(c.weight.layout);
    return pack(c.mask, false).stored.size() + pack(c.table, false).stored.size() + pack(c.symbols, elements).stored.size();
  }

 private:
  void try_codec(PackedStream& best, SlimCodec codec, const Bytes& bytes) const {
    const auto take = [&](Bytes packed) {
      if (packed.size() >= best.stored.size()) return;
      best.stream.codec = codec;
      best.stream.stored_bytes = packed.size();
      best.stored = std::move(packed);
    };
    take(pack_zstd(bytes, SlimEffort::huffman));
    if (effort_ == SlimEffort::repetitions) take(pack_zstd(bytes, SlimEffort::repetitions));
  }

  size_t element_bytes_;
  bool zstd_;
  SlimEffort effort_;
};

/// The non-zeros' places, as bits or as gaps.
template <class T>
Bytes make_mask(std::span<const T> elements, SlimMask form) {
  Bytes mask;
  if (form == SlimMask::bits) {
    mask.resize((elements.size() + 7) / 8);
    for (size_t i = 0; i < elements.size(); ++i)
      if (elements[i] != 0) mask[i / 8] |= std::byte{1} << (i % 8);
    return mask;
  }
  uint8_t gap = 0;
  for (const T x : elements) {
    if (gap == kLongGap) {
      mask.push_back(std::byte{gap});
      gap = 0;
    }
    if (x == 0) {
      ++gap;
    } else {
      mask.push_back(std::byte{gap});
      gap = 0;
    }
  }
  return mask;
}

/// Sorted distinct elements per table; nothing when a table would have more than kMostCodes.
template <class T>
using TableList = std::vector<std::vector<T>>;
template <class T>
std::optional<TableList<T>> find_tables(std::span<const T> elements, const TableOrder& order, bool skip_zeros) {
  TableList<T> tables(order.tables);
  for (size_t i = 0; i < elements.size(); ++i) {
    const T x = elements[i];
    if (skip_zeros && x == 0) continue;
    std::vector<T>& table = tables[order.table_of(i)];
    const auto place = std::ranges::lower_bound(table, x);
    if (place != table.end() && *place == x) continue;
    if (table.size() == kMostCodes) return std::nullopt;
    table.insert(place, x);
  }
  return tables;
}

template <class T>
void append(Bytes& bytes, const T& x) {
  const auto raw = std::as_bytes(std::span(&x, 1));
  bytes.insert(bytes.end(), raw.begin(), raw.end());
}

template <class T>
Bytes table_bytes(const TableList<T>& tables) {
  Bytes bytes;
  for (const auto& table : tables) append(bytes, static_cast<uint16_t>(table.size()));
  for (const auto& table : tables)
    for (const T x : table) append(bytes, x);
  return bytes;
}

template <class T>
Bytes make_codes(std::span<const T> elements, const TableList<T>& tables, const TableOrder& order, bool skip_zeros) {
  size_t base = 0;
  for (const auto& table : tables) base = std::max(base, table.size());
  const size_t per_byte = codes_per_byte(base);
  Bytes bytes;
  if (per_byte == 0) return bytes;
  size_t byte = 0, factor = 1, held = 0;
  for (size_t i = 0; i < elements.size(); ++i) {
    if (skip_zeros && elements[i] == 0) continue;
    const std::vector<T>& table = tables[order.table_of(i)];
    byte += factor * static_cast<size_t>(std::ranges::lower_bound(table, elements[i]) - table.begin());
    factor *= base;
    if (++held < per_byte) continue;
    bytes.push_back(static_cast<std::byte>(byte));
    byte = 0, factor = 1, held = 0;
  }
  if (held > 0) bytes.push_back(static_cast<std::byte>(byte));
  return bytes;
}

/// Makes the candidates for one constant and keeps the smallest.
template <class T>
class Chooser {
 public:
  Chooser(const Value& value, bool zstd) : value_(value), packer_(sizeof(T), zstd, SlimEffort::huffman) {
    elements_ = {reinterpret_cast<const T*>(value.data.data()), value.data.size() / sizeof(T)};
  }

  Candidate choose() {
    Candidate dense;
    dense.symbols = value_.data;
    offer(std::move(dense));
    offer_codebooks({}, false);
    const auto zeros = static_cast<size_t>(std::ranges::count(elements_, T{0}));
    if (zeros > 0) {
      const Candidate masked = smallest_mask(elements_.size() - zeros);
      Candidate values = masked;
      for (const T x : elements_)
        if (x != 0) append(values.symbols, x);
      offer(std::move(values));
      offer_codebooks(masked, true);
    }
    return std::move(best_);
  }

 private:
  void offer(Candidate candidate) {
    const size_t bytes = packer_.size_of(candidate);
    if (bytes >= best_bytes_) return;
    best_bytes_ = bytes;
    best_ = std::move(candidate);
  }

  Candidate smallest_mask(size_t nonzeros) const {
    Candidate bits, gaps;
    bits.weight.layout = gaps.weight.layout = SlimLayout::mask;
    bits.weight.nonzeros = gaps.weight.nonzeros = nonzeros;
    bits.mask = make_mask(elements_, SlimMask::bits);
    if (nonzeros > elements_.size() / 2) return bits;
    gaps.weight.mask_form = SlimMask::gaps;
    gaps.mask = make_mask(elements_, SlimMask::gaps);
    return packer_.size_of(bits) <= packer_.size_of(gaps) ? bits : gaps;
  }

  void offer_codebooks(const Candidate& masked, bool skip_zeros) {
    offer_codebook(masked, skip_zeros, -1);
    const bool scaled = value_.quantization && value_.quantization->axis >= 0;
    if (scaled || value_.shape.size() > 1) offer_codebook(masked, skip_zeros, scaled ? value_.quantization->axis : 0);
  }

  void offer_codebook(Candidate candidate, bool skip_zeros, int axis) {
    const TableOrder order = table_order(value_.shape, axis);
    const auto tables = find_tables(elements_, order, skip_zeros);
    if (!tables) return;
    candidate.weight.layout = skip_zeros ? SlimLayout::mask_codebook : SlimLayout::codebook;
    candidate.weight.table_axis = axis;
    for (const auto& table : *tables) candidate.codes = std::max(candidate.codes, table.size());
    candidate.table = table_bytes(*tables);
    candidate.symbols = make_codes(elements_, *tables, order, skip_zeros);
    offer(std::move(candidate));
  }

  const Value& value_;
  Packer packer_;
  std::span<const T> elements_;
  Candidate best_;
  size_t best_bytes_ = SIZE_MAX;
};

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

}  // namespace

Bytes pack_zstd(std::span<const std::byte> bytes, SlimEffort effort) {
  const std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  check(context);
  const auto set = [&](ZSTD_cParameter parameter, int value) {
    check(!ZSTD_isError(ZSTD_CCtx_setParameter(context.get(), parameter, value)));
  };
  if (effort == SlimEffort::huffman) {
    set(ZSTD_c_compressionLevel, 1);
    set(ZSTD_c_minMatch, 7);
    set(ZSTD_c_hashLog, 6);  // too few places to remember that chance repetitions spoil the Huffman codes
    set(ZSTD_c_windowLog, 17);
  } else {
    constexpr size_t kSmall = size_t{1} << 17;  // level 19 takes up to 5 s per MB of codes, level 6 .1 s
    set(ZSTD_c_compressionLevel, bytes.size() <= kSmall ? 19 : 6);
  }
  Bytes packed(ZSTD_compressBound(bytes.size()));
  const size_t size = ZSTD_compress2(context.get(), packed.data(), packed.size(), bytes.data(), bytes.size());
  check(!ZSTD_isError(size));
  packed.resize(size);
  return packed;
}

EncodedSlimWeight encode_slim_weight(const Value& value, bool zstd) {
  return with_element_type(value.type, [&](auto element) {
    const Candidate best = Chooser<decltype(element)>(value, zstd).choose();
    const Packer packer(sizeof element, zstd, SlimEffort::repetitions);
    PackedStream mask = packer.pack(best.mask, false), table = packer.pack(best.table, false),
                 symbols = packer.pack(best.symbols, !has_table(best.weight.layout));
    EncodedSlimWeight encoded{best.weight, best.codes, std::move(mask.stored), std::move(table.stored),
                              std::move(symbols.stored)};
    encoded.weight.mask = mask.stream;
    encoded.weight.table = table.stream;
    encoded.weight.symbols = symbols.stream;
    return encoded;
  });
}

}  // namespace slimpilot
