// SPDX-License-Identifier: Apache-2.0
// Element-wise kernels in vectors of kLanes numbers, written with the compiler's vector types: the same operations in the same
// order whatever the width, so every instruction set gives the same bits. Anonymous: see kernel_args.h.
//
// The curves come from e^t − 1 = 2ⁿ·p(r) + (2ⁿ − 1), t = n·ln 2 + r, |r| ≤ ½ ln 2, p the Taylor polynomial of degree 7 without
// its constant (what is left out is below 6e-9). tanh x = (e^2|x| − 1) / (e^2|x| + 1), sigmoid x = 1 / (e^−x + 1).
#pragma once

#include "engine/kernels/elementwise/elementwise.h"

namespace slimpilot {
namespace {

template <int kLanes>
struct RealVector {
  typedef float Real __attribute__((vector_size(kLanes * 4)));
  typedef int32_t Whole __attribute__((vector_size(kLanes * 4)));
  static constexpr int kCount = kLanes;

  static Real same(float x) { return x - Real{}; }
  static Real least(Real a, Real b) { return a < b ? a : b; }
  static Real greatest(Real a, Real b) { return a > b ? a : b; }

  /// e^t − 1 for −87 ≤ t ≤ 88.
  static Real exp_less_one(Real t) {
    const Real to_whole = same(12582912.0f);  // 1.5·2²³: what is added to it loses its fraction and ends up in its lowest bits
    const Real shifted = t * same(1.44269504f) + to_whole, n = shifted - to_whole;
    const Real r = (t - n * same(0.693145752f)) - n * same(1.42860677e-6f);  // ln 2 in two parts, the first exact times n
    Real p = same(1.0f / 5040);
    p = p * r + same(1.0f / 720);
    p = p * r + same(1.0f / 120);
    p = p * r + same(1.0f / 24);
    p = p * r + same(1.0f / 6);
    p = p * r + same(0.5f);
    p = p * (r * r) + r;
    const Real power = reinterpret((bits(shifted) - bits(to_whole) + 127) << 23);
    return power * p + (power - same(1));
  }
  // Each curve as the power that it needs and what it makes of that.
  static Real tanh_power(Real x) {
    const Real magnitude = reinterpret(bits(x) & 0x7FFFFFFF);
    return least(magnitude + magnitude, same(30));
  }
  static Real tanh_of(Real x, Real e) { return reinterpret(bits(e / (e + same(2))) | (bits(x) & ~0x7FFFFFFF)); }
  static Real sigmoid_power(Real x) { return least(greatest(same(0) - x, same(-87)), same(88)); }
  static Real sigmoid_of(Real, Real e) { return same(1) / (e + same(2)); }
  static Real elu_power(Real x) { return greatest(x, same(-87)); }
  static Real elu_of(Real x, Real e) { return x < same(0) ? e : x; }

  static Real tanh(Real x) { return tanh_of(x, exp_less_one(tanh_power(x))); }
  static Real sigmoid(Real x) { return sigmoid_of(x, exp_less_one(sigmoid_power(x))); }
  static Real elu(Real x) { return elu_of(x, exp_less_one(elu_power(x))); }
  static Real hard_sigmoid(Real x) { return least(greatest(x * same(0.2f) + same(0.5f), same(0)), same(1)); }

 private:
  static Real reinterpret(Whole x) { return (Real)x; }
  static Whole bits(Real x) { return (Whole)x; }
};

/// y[i] = f(x[i]).
template <class V, typename V::Real (*f)(typename V::Real)>
void unary(const UnaryArgs& a, const Io& io) noexcept {
  const auto* x = static_cast<const float*>(io.input[0]);
  auto* y = static_cast<float*>(io.output);
  for (int64_t i = 0; i < a.count; i += V::kCount) {
    typename V::Real v;
    __builtin_memcpy(&v, x + i, sizeof v);  // may read past the end, as kernels may
    v = f(v);
    const int64_t left = a.count - i;
    __builtin_memcpy(y + i, &v, left < V::kCount ? static_cast<size_t>(left) * sizeof(float) : sizeof v);
  }
}

template <class V>
void scale(const ScaleArgs& a, const Io& io) noexcept {
  static_assert(kScaleVector % V::kCount == 0);
  const auto* x = static_cast<const float*>(io.input[0]);
  auto* y = static_cast<float*>(io.output);
  for (int64_t first = 0; first < a.count; first += a.channels)
    for (int64_t c = 0; c < a.channels && first + c < a.count; c += V::kCount) {
      typename V::Real v, factor, offset;
      __builtin_memcpy(&v, x + first + c, sizeof v);  // may read past the end, as kernels may
      __builtin_memcpy(&factor, a.scale + c, sizeof factor);
      __builtin_memcpy(&offset, a.offset + c, sizeof offset);
      v = v * factor + offset;
      const int64_t left = a.count - first - c;
      __builtin_memcpy(y + first + c, &v, left < V::kCount ? static_cast<size_t>(left) * sizeof(float) : sizeof v);
    }
}

/// A function of its own, and one power for all curves: there would otherwise be a copy of each at five places of a step.
template <class V>
__attribute__((noinline)) typename V::Real cell_function(const CellFunction& f, typename V::Real x) {
  using enum CellFunction::Kind;
  if (f.kind == line) return V::least(V::greatest(x * V::same(f.slope) + V::same(f.offset), V::same(f.low)), V::same(f.high));
  const typename V::Real e = V::exp_less_one(f.kind == tanh      ? V::tanh_power(x)
                                             : f.kind == sigmoid ? V::sigmoid_power(x)
                                                                 : V::elu_power(x));
  return f.kind == tanh ? V::tanh_of(x, e) : f.kind == sigmoid ? V::sigmoid_of(x, e) : V::elu_of(x, e);
}

/// One pixel's numbers.
struct LstmPixel {
  const float *inputs, *recurrent;
  float *cells, *hidden;
};

/// The filters from `first` on in vectors of kLanes; what is left, if kAll also a part of one. Returns how many are done.
template <int kLanes, bool kAll>
int lstm_filters(const LstmStepArgs& a, const LstmPixel& p, int first) {
  using V = RealVector<kLanes>;
  const auto load = [](const float* x) {
    typename V::Real v;
    __builtin_memcpy(&v, x, sizeof v);  // may read past the end, as kernels may
    return v;
  };
  const auto gate = [&](int number, int f) {
    const ptrdiff_t at = static_cast<ptrdiff_t>(number) * a.filters + f;
    return load(p.inputs + at) + load(p.recurrent + at);
  };
  for (; first + kLanes <= a.filters || (kAll && first < a.filters); first += kLanes) {
    const typename V::Real added = cell_function<V>(a.gate, gate(0, first)) * cell_function<V>(a.cell, gate(2, first));
    const typename V::Real cells = cell_function<V>(a.gate, gate(1, first)) * load(p.cells + first) + added;
    const typename V::Real hidden = cell_function<V>(a.gate, gate(3, first)) * cell_function<V>(a.cell, cells);
    if (first + kLanes <= a.filters) {
      __builtin_memcpy(p.cells + first, &cells, sizeof cells);
      __builtin_memcpy(p.hidden + first, &hidden, sizeof hidden);
    } else {
      for (int i = 0; first + i < a.filters; ++i) p.cells[first + i] = cells[i], p.hidden[first + i] = hidden[i];
    }
  }
  return first;
}

template <class V>
void lstm_step(const LstmStepArgs& a, const Io& io) noexcept {
  LstmPixel p{static_cast<const float*>(io.input[0]), static_cast<const float*>(io.input[1]), static_cast<float*>(io.state),
              static_cast<float*>(io.output)};
  for (int pixel = 0; pixel < a.pixels; ++pixel) {
    if constexpr (V::kCount > 4)
      lstm_filters<V::kCount / 2, true>(a, p, lstm_filters<V::kCount, false>(a, p, 0));
    else
      lstm_filters<V::kCount, true>(a, p, 0);
    p.inputs += 4 * a.filters, p.recurrent += 4 * a.filters, p.cells += a.filters, p.hidden += a.filters;
  }
}

/// Multipliers and shifts are the same for all elements: the wrapper's rescaling wants one for each lane.
template <class V>
struct Rescaling {
  int32_t multipliers[V::kLanes], shifts[V::kLanes];
  Rescaling(int32_t multiplier, int32_t shift) {
    for (int i = 0; i < V::kLanes; ++i) multipliers[i] = multiplier, shifts[i] = shift;
  }
  typename V::Rescale vector() const { return typename V::Rescale(multipliers, shifts); }
};

template <class V>
struct Operands {
  typename V::Vector a_zero, b_zero;
  const int8_t *a, *b;
  bool b_is_scalar;

  Operands(const BinaryArgs& args, const Io& io)
      : a_zero(V::same(args.a_zero_point)),
        b_zero(V::same(args.b_zero_point)),
        a(static_cast<const int8_t*>(io.input[0])),
        b(static_cast<const int8_t*>(io.input[1])),
        b_is_scalar(args.b_count == 1) {}
  typename V::Vector left(int64_t i) const { return V::subtract(V::load_s8(a + i), a_zero); }
  typename V::Vector right(int64_t i) const { return V::subtract(b_is_scalar ? V::same(*b) : V::load_s8(b + i), b_zero); }
};

template <class V>
void store_elements(const BinaryArgs& a, const Io& io, int64_t i, typename V::Vector result) {
  const int64_t left = a.count - i;
  V::store_s8(static_cast<int8_t*>(io.output) + i, V::add(result, V::same(a.output_zero_point)), a.low, a.high,
              left < V::kLanes ? static_cast<int>(left) : V::kLanes);
}

template <class V>
void multiply_s8(const BinaryArgs& a, const Io& io) noexcept {
  const Operands<V> operands(a, io);
  const auto rescale = Rescaling<V>(a.output_multiplier, a.output_shift).vector();
  for (int64_t i = 0; i < a.count; i += V::kLanes)
    store_elements<V>(a, io, i, rescale(V::multiply(operands.left(i), operands.right(i))));
}

template <class V>
void add_s8(const BinaryArgs& a, const Io& io) noexcept {
  const Operands<V> operands(a, io);
  const auto left = Rescaling<V>(a.a_multiplier, a.a_shift).vector(), right = Rescaling<V>(a.b_multiplier, a.b_shift).vector(),
             rescale = Rescaling<V>(a.output_multiplier, a.output_shift).vector();
  const typename V::Vector factor = V::same(1 << a.left_shift);
  for (int64_t i = 0; i < a.count; i += V::kLanes) {
    const typename V::Vector x = left(V::multiply(operands.left(i), factor)), z = right(V::multiply(operands.right(i), factor));
    store_elements<V>(a, io, i, rescale(V::add(x, z)));
  }
}

/// Real kernels; integer ones are added by who has them.
template <class V>
constexpr ElementwiseKernels curves() {
  ElementwiseKernels k{};
  k.tanh = unary<V, V::tanh>;
  k.sigmoid = unary<V, V::sigmoid>;
  k.elu = unary<V, V::elu>;
  k.hard_sigmoid = unary<V, V::hard_sigmoid>;
  k.scale_f32 = scale<V>;
  k.lstm_step = lstm_step<V>;
  return k;
}

}  // namespace
}  // namespace slimpilot
