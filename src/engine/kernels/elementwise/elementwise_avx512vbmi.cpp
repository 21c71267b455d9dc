// SPDX-License-Identifier: Apache-2.0
// Tables of 256 bytes in four registers: `vpermi2b` looks up 64 bytes at a time in 128 entries. With them an LSTM cell is one
// pass.
#include "engine/kernels/elementwise/elementwise_products.h"

namespace slimpilot::avx512vbmi {
namespace {

struct Table {
  __m512i part[4];

  explicit Table(const int8_t* entries) {
    for (int i = 0; i < 4; ++i) part[i] = _mm512_loadu_si512(entries + 64 * i);
  }
  /// Entries x + 128. The lower half of the table is for negative x, whose seven lower bits are the place in it.
  __m512i operator()(__m512i x) const {
    const __m512i negative = _mm512_permutex2var_epi8(part[0], x, part[1]);
    const __m512i positive = _mm512_permutex2var_epi8(part[2], x, part[3]);
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(x), positive, negative);
  }
};

__mmask64 first_lanes(int64_t count) { return count >= 64 ? ~__mmask64{0} : (__mmask64{1} << count) - 1; }

/// One table for all elements.
void lookup_alone(const LookupArgs& a, const int8_t* x, int8_t* y) {
  const Table table(a.table);
  for (int64_t i = 0; i < a.count; i += 64) {
    const __mmask64 lanes = first_lanes(a.count - i);
    _mm512_mask_storeu_epi8(y + i, lanes, table(_mm512_maskz_loadu_epi8(lanes, x + i)));
  }
}

constexpr int kMostTables = 4;

/// 64 elements go through the tables of all channels, and each takes what its own says; whose it is repeats after so many
/// vectors as there are channels.
void lookup_channels(const LookupArgs& a, const int8_t* x, int8_t* y) {
  __mmask64 own[kMostTables][kMostTables] = {};  // by vector and channel
  for (int i = 0; i < 64 * a.channels; ++i) own[i / 64][i % a.channels] |= __mmask64{1} << (i % 64);
  const Table tables[kMostTables] = {Table(a.table), Table(a.table + 256), Table(a.table + 256 * (a.channels > 2 ? 2 : 0)),
                                     Table(a.table + 256 * (a.channels > 3 ? 3 : 0))};
  for (int64_t i = 0, vector = 0; i < a.count; i += 64, vector = vector + 1 == a.channels ? 0 : vector + 1) {
    const __mmask64 lanes = first_lanes(a.count - i);
    const __m512i numbers = _mm512_maskz_loadu_epi8(lanes, x + i);
    __m512i found = tables[0](numbers);
    for (int c = 1; c < a.channels; ++c) found = _mm512_mask_mov_epi8(found, own[vector][c], tables[c](numbers));
    _mm512_mask_storeu_epi8(y + i, lanes, found);
  }
}

void lookup_s8(const LookupArgs& a, const Io& io) noexcept {
  const auto* x = static_cast<const int8_t*>(io.input[0]);
  auto* y = static_cast<int8_t*>(io.output);
  if (a.channels == 1)
    lookup_alone(a, x, y);
  else if (a.channels <= kMostTables)
    lookup_channels(a, x, y);
  else
    reference::elementwise.lookup_s8(a, io);
}

/// An intermediate result of 64 numbers, which the next product reads as bytes.
struct Block {
  int8_t numbers[64];

  explicit Block(__m512i x) { _mm512_storeu_si512(numbers, x); }
  __m512i load() const { return _mm512_loadu_si512(numbers); }
  /// Writes it also where it is wanted.
  void keep(int8_t* y, ptrdiff_t between, int number, __mmask64 lanes) const {
    if (between > 0) _mm512_mask_storeu_epi8(y + number * between, lanes, load());
  }
};

void lstm_cell_s8(const LstmCellArgs& a, const Io& io) noexcept {
  const Table candidate_table(a.candidate_table), cell_table(a.cell_table);
  const Products cell(a.cell), hidden(a.hidden);
  const auto* output_gate = static_cast<const int8_t*>(io.input[0]);
  const int8_t *input_gate = output_gate + a.input_gate, *candidate = output_gate + a.candidate;
  auto* y = static_cast<int8_t*>(io.output);
  for (int64_t i = 0; i < a.hidden.count; i += 64) {
    const __mmask64 lanes = first_lanes(a.hidden.count - i);
    const Block candidates(candidate_table(_mm512_loadu_si512(candidate + i)));
    const Block products(cell.of_64(input_gate + i, candidates.numbers));
    const Block cells(cell_table(products.load()));
    _mm512_mask_storeu_epi8(y + i, lanes, hidden.of_64(output_gate + i, cells.numbers));
    candidates.keep(y + i, a.between, 1, lanes);
    products.keep(y + i, a.between, 2, lanes);
    cells.keep(y + i, a.between, 3, lanes);
  }
}

}  // namespace

const ElementwiseKernels elementwise = {.lookup_s8 = lookup_s8, .lstm_cell_s8 = lstm_cell_s8};

}  // namespace slimpilot::avx512vbmi
