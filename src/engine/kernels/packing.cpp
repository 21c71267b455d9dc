// SPDX-License-Identifier: Apache-2.0
// Rearranges weights for a kernel, once, when a plan is made.
#include "engine/kernels/packing.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace slimpilot {
namespace {

constexpr size_t kTable = 16, kReadable = 64, kMarked = 4;

bool is_zero(std::span<const std::byte> element) {
  return std::ranges::all_of(element, [](std::byte b) { return b == std::byte{}; });
}

/// The different weights of one output, in rising order; more than kTable of them are not all listed.
std::vector<std::byte> distinct(std::span<const std::byte> weights) {
  std::array<bool, 256> seen{};
  std::vector<std::byte> found;
  for (const std::byte w : weights) {
    if (std::exchange(seen[static_cast<size_t>(w)], true)) continue;
    found.push_back(w);
    if (found.size() > kTable) break;
  }
  std::ranges::sort(found);
  return found;
}

std::vector<std::byte> packed_plain(std::span<const std::byte> weights, const WeightShape& shape, size_t element_size,
                                    const PackedLayout& layout) {
  check(weights.size() == static_cast<size_t>(shape.outputs) * shape.rows * shape.k * element_size);
  check(layout.max_block % layout.lanes == 0);
  const int groups = (shape.k + layout.group - 1) / layout.group;
  const size_t padded_k = static_cast<size_t>(groups) * layout.group;
  const size_t elements = round_up(shape.outputs, layout.lanes) * static_cast<size_t>(shape.rows) * padded_k;
  std::vector<std::byte> packed(elements * element_size);
  std::byte* target = packed.data();
  const int vectors = (shape.outputs + layout.lanes - 1) / layout.lanes, most = layout.max_block / layout.lanes;
  for (int first = 0, block = 0; first < shape.outputs; first += block) {
    const int left = vectors - first / layout.lanes;
    block = layout.lanes * (layout.balanced ? balanced_block(left, most) : std::min(left, most));
    for (int row = 0; row < shape.rows; ++row) {
      for (int k = 0; k < shape.k; k += layout.group) {
        const size_t count = static_cast<size_t>(std::min(layout.group, shape.k - k));
        for (int o = first; o < first + block; ++o, target += layout.group * element_size) {
          if (o >= shape.outputs) continue;
          const size_t source = (static_cast<size_t>(o) * shape.rows + row) * shape.k + k;
          std::memcpy(target, weights.data() + source * element_size, count * element_size);
        }
      }
    }
  }
  return packed;
}

/// bitmask and marked, which has the zeros too; `element_size` is that of what has a bit.
std::vector<std::byte> as_bitmask(std::span<const std::byte> plain, size_t element_size, bool with_zeros) {
  const size_t elements = plain.size() / element_size;
  std::vector<std::byte> stored((elements + 511) / 512 * 64);
  for (size_t i = 0; i < elements; ++i) {
    const auto element = plain.subspan(i * element_size, element_size);
    const bool zero = is_zero(element);
    if (!zero) stored[i / 8] |= std::byte{1} << (i % 8);
    if (!zero || with_zeros) stored.insert(stored.end(), element.begin(), element.end());
  }
  return stored;
}

template <class T>
void append_aligned(std::vector<std::byte>& target, const std::vector<T>& source) {
  const auto bytes = std::as_bytes(std::span(source));
  target.insert(target.end(), bytes.begin(), bytes.end());
  target.resize((target.size() + 63) / 64 * 64);
}

/// Precondition: one row. `piece` bytes share a slot. An output that is ahead of the others waits until the window has come to
/// its next piece.
std::vector<std::byte> as_slots(std::span<const std::byte> weights, const WeightShape& shape, const PackedLayout& layout,
                                size_t piece) {
  const auto lanes = static_cast<size_t>(layout.lanes), slots = static_cast<size_t>(layout.group) / piece;
  const auto outputs = static_cast<size_t>(shape.outputs), k = static_cast<size_t>(shape.k);
  const size_t pieces = (k + piece - 1) / piece, window = kSlotWindow / piece;
  std::vector<uint32_t> blocks, starts;
  std::vector<std::byte> vectors;
  std::vector<size_t> next(lanes);  // by output of the block: its first piece that has no slot yet
  for (size_t first = 0; first < outputs; first += lanes) {
    blocks.push_back(static_cast<uint32_t>(starts.size()));
    const size_t count = std::min(lanes, outputs - first);
    const auto weights_of = [&](size_t lane) {
      const size_t begin = next[lane] * piece;
      return weights.subspan((first + lane) * k + begin, std::min(piece, k - begin));
    };
    const auto skip_zeros = [&](size_t lane) {
      while (next[lane] < pieces && is_zero(weights_of(lane))) ++next[lane];
    };
    std::ranges::fill(next, 0);
    for (;;) {
      size_t start = pieces;
      for (size_t lane = 0; lane < count; ++lane) skip_zeros(lane), start = std::min(start, next[lane]);
      if (start == pieces) break;
      starts.push_back(static_cast<uint32_t>(start * piece));
      const size_t places = vectors.size(), values = places + lanes * slots;
      vectors.resize(values + lanes * slots * piece);
      for (size_t lane = 0; lane < count; ++lane)
        for (size_t slot = lane * slots; slot < (lane + 1) * slots && next[lane] < std::min(pieces, start + window); ++slot) {
          vectors[places + slot] = static_cast<std::byte>(next[lane] - start);
          std::ranges::copy(weights_of(lane), vectors.begin() + static_cast<ptrdiff_t>(values + slot * piece));
          ++next[lane];
          skip_zeros(lane);
        }
    }
  }
  blocks.push_back(static_cast<uint32_t>(starts.size()));
  std::vector<std::byte> stored;
  append_aligned(stored, blocks);
  append_aligned(stored, starts);
  append_aligned(stored, vectors);
  return stored;
}

/// Tables come from the weights, not from what packing added: a weight that was added may stand for any code, since kernels
/// multiply it by an input of zero or do not store its output.
std::vector<std::byte> as_codebook(std::span<const std::byte> plain, std::span<const std::byte> weights,
                                   const WeightShape& shape, const PackedLayout& layout) {
  const size_t per_output = weights.size() / static_cast<size_t>(shape.outputs);
  const size_t group = static_cast<size_t>(layout.group), half = group / 2, block = static_cast<size_t>(layout.max_block);
  const size_t outputs = static_cast<size_t>(round_up(shape.outputs, layout.lanes));
  const size_t groups = plain.size() / group / outputs;  // of one output
  std::vector<std::byte> stored(outputs * kTable);
  std::vector<std::array<uint8_t, 256>> codes(outputs);
  for (size_t o = 0; o < static_cast<size_t>(shape.outputs); ++o) {
    const std::vector<std::byte> table = distinct(weights.subspan(o * per_output, per_output));
    std::ranges::copy(table, stored.begin() + static_cast<ptrdiff_t>(o * kTable));
    for (size_t code = 0; code < table.size(); ++code) codes[o][static_cast<size_t>(table[code])] = static_cast<uint8_t>(code);
  }
  for (size_t g = 0; g < plain.size() / group; ++g) {
    const size_t in_block = std::min(block, outputs - g / (groups * block) * block);
    const auto& code = codes[g / (groups * block) * block + g % (groups * block) % in_block];
    for (size_t i = 0; i < half; ++i) {
      const auto at = [&](size_t k) { return code[static_cast<size_t>(plain[g * group + k])]; };
      stored.push_back(static_cast<std::byte>(at(i) | at(i + half) << 4));
    }
  }
  return stored;
}

}  // namespace

bool suits(WeightStorage storage, std::span<const std::byte> weights, const WeightShape& shape, size_t element_size) {
  const size_t row = static_cast<size_t>(shape.k) * element_size;
  const auto zeros = [&](size_t size) {  // the share of pieces of so many bytes of each row
    size_t count = 0, pieces = 0;
    for (size_t first = 0; first < weights.size(); first += row)
      for (size_t i = 0; i < row; i += size, ++pieces) count += is_zero(weights.subspan(first + i, std::min(size, row - i)));
    return static_cast<double>(count) / static_cast<double>(pieces);
  };
  switch (storage) {
    case WeightStorage::plain: return true;
    case WeightStorage::bitmask: return zeros(element_size) >= 0.5;
    case WeightStorage::marked: return zeros(kMarked) >= 0.4;
    case WeightStorage::slots: return element_size == 1 && shape.rows == 1 && zeros(1) >= 0.6;
    case WeightStorage::slots_of_four: return element_size == 1 && shape.rows == 1 && zeros(4) >= 0.6;
    case WeightStorage::codebook: break;
  }
  if (element_size != 1) return false;
  const size_t per_output = weights.size() / static_cast<size_t>(shape.outputs);
  for (size_t first = 0; first < weights.size(); first += per_output)
    if (distinct(weights.subspan(first, per_output)).size() > kTable) return false;
  return true;
}

std::vector<std::byte> pack_weights(std::span<const std::byte> weights, const WeightShape& shape, size_t element_size,
                                    const PackedLayout& layout) {
  const auto packed = [&] {
    if (layout.storage == WeightStorage::slots) return as_slots(weights, shape, layout, 1);
    if (layout.storage == WeightStorage::slots_of_four) return as_slots(weights, shape, layout, 4);
    std::vector<std::byte> plain = packed_plain(weights, shape, element_size, layout);
    if (layout.storage == WeightStorage::bitmask) return as_bitmask(plain, element_size, false);
    if (layout.storage == WeightStorage::marked) return as_bitmask(plain, kMarked, true);
    if (layout.storage == WeightStorage::codebook) return as_codebook(plain, weights, shape, layout);
    return plain;
  };
  std::vector<std::byte> stored = packed();
  stored.resize(stored.size() + kReadable);
  return stored;
}

}  // namespace slimpilot
