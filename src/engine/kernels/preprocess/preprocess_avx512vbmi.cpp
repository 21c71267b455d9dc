// SPDX-License-Identifier: Apache-2.0
// Resizing where one instruction picks 64 bytes out of two registers: no pixel goes through memory on its way.
#include <immintrin.h>

#include "engine/kernels/preprocess/preprocess.h"

namespace slimpilot::avx512vbmi {
namespace {

/// Of the 64 bytes from `x` on those that lie before `end`.
__m512i bytes_before(const uint8_t* x, const uint8_t* end) {
  return _mm512_maskz_loadu_epi8(end - x >= 64 ? ~__mmask64{0} : (__mmask64{1} << (end - x)) - 1, x);
}

/// A group at a time: each lane of 32 bits gets a byte of the row above and the one below it as two numbers of 16 bits, which
/// are weighted and added in one product.
void resize_row(const ResizeRowArgs& a, const Io& io) noexcept {
  const auto* above = static_cast<const uint8_t*>(io.input[0]);
  const auto* below = static_cast<const uint8_t*>(io.input[1]);
  auto* y = static_cast<uint8_t*>(io.output);
  constexpr __mmask64 low_bytes = 0x5555555555555555;
  const __m512i rows_weight = _mm512_set1_epi32(kResizeOne - a.below_weight + (a.below_weight << 16));
  const __m512i below_place = _mm512_set1_epi32(64 << 16), next_pixel = _mm512_set1_epi32(a.next + (a.next << 16));
  const __m512i half = _mm512_set1_epi32(kResizeOne * kResizeOne / 2);
  for (int g = 0; g < a.group_count; ++g) {
    const int i = a.groups[g], first = a.left[i];
    const __m512i above_bytes = bytes_before(above + first, above + a.row_bytes);
    const __m512i below_bytes = bytes_before(below + first, below + a.row_bytes);
    const __m512i place = _mm512_sub_epi32(_mm512_loadu_si512(a.left + i), _mm512_set1_epi32(first));
    const __m512i places = _mm512_or_si512(_mm512_or_si512(place, _mm512_slli_epi32(place, 16)), below_place);
    const auto blended_rows = [&](__m512i at) {
      return _mm512_madd_epi16(_mm512_maskz_permutex2var_epi8(low_bytes, above_bytes, at, below_bytes), rows_weight);
    };
    const __m512i left = blended_rows(places), right = blended_rows(_mm512_add_epi32(places, next_pixel));
    const __m512i more = _mm512_mullo_epi32(_mm512_sub_epi32(right, left), _mm512_loadu_si512(a.right_weight + i));
    const __m512i sum = _mm512_add_epi32(_mm512_add_epi32(_mm512_slli_epi32(left, 11), more), half);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(y + i), _mm512_cvtepi32_epi8(_mm512_srli_epi32(sum, 22)));
  }
}

}  // namespace

const PreprocessKernels preprocess = {.resize_row = resize_row};

}  // namespace slimpilot::avx512vbmi
