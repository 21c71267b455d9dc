// SPDX-License-Identifier: Apache-2.0
// Before: ŵ = s·round(w/s).   After: ŵ that nearly minimizes (ŵ − w)ᵀ C (ŵ − w), C the covariance of the inputs.
// With U the upper Cholesky factor of C⁻¹ (C⁻¹ = UᵀU), rounding weight k leaves the error e = (w_k − ŵ_k)/U_kk, and the best
// the later weights can do about it is w_j −= e·U_kj.
#include "optimize/round_weights.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "graph/edit.h"

namespace slimpilot {
namespace {

using Matrix = std::vector<double>;  // [k][k]

/// Lower L with A = L·Lᵀ in place of A's lower triangle; A must be positive definite.
void cholesky(Matrix& a, size_t k) {
  for (size_t j = 0; j < k; ++j) {
    for (size_t i = j; i < k; ++i) {
      double sum = a[i * k + j];
      for (size_t m = 0; m < j; ++m) sum -= a[i * k + m] * a[j * k + m];
      a[i * k + j] = i == j ? std::sqrt(sum) : sum / a[j * k + j];
    }
  }
}

/// A⁻¹ from A's Cholesky factor: each column by forward and backward substitution.
Matrix inverse(const Matrix& l, size_t k) {
  Matrix inverse(k * k);
  std::vector<double> x(k);
  for (size_t column = 0; column < k; ++column) {
    std::fill(x.begin(), x.end(), 0.0);
    for (size_t i = column; i < k; ++i) {
      double sum = i == column ? 1 : 0;
      for (size_t m = column; m < i; ++m) sum -= l[i * k + m] * x[m];
      x[i] = sum / l[i * k + i];
    }
    for (size_t i = k; i-- > 0;) {
      x[i] /= l[i * k + i];
      for (size_t m = 0; m < i; ++m) x[m] -= l[i * k + m] * x[i];
    }
    for (size_t i = 0; i < k; ++i) inverse[i * k + column] = x[i];
  }
  return inverse;
}

/// The factor U of C⁻¹ = UᵀU, as Uᵀ (lower), with a little of the mean variance added so that C is definite.
Matrix feedback_factor(Matrix covariance, size_t k) {
  double mean = 0;
  for (size_t i = 0; i < k; ++i) mean += covariance[i * k + i] / static_cast<double>(k);
  for (size_t i = 0; i < k; ++i) covariance[i * k + i] += 0.01 * mean + 1e-12;
  cholesky(covariance, k);
  Matrix factor = inverse(covariance, k);
  cholesky(factor, k);
  return factor;
}

}  // namespace

FeedbackRounding::FeedbackRounding(std::vector<double> covariance)
    : k_(static_cast<size_t>(std::llround(std::sqrt(static_cast<double>(covariance.size()))))) {
  check(k_ * k_ == covariance.size());
  factor_ = feedback_factor(std::move(covariance), k_);
}

void FeedbackRounding::round(std::span<double> weights, const Nearest& nearest) const {
  check(weights.size() == k_);
  for (size_t i = 0; i < k_; ++i) {
    const double rounded = nearest(i, weights[i]), error = (weights[i] - rounded) / factor_[i * k_ + i];
    weights[i] = rounded;
    for (size_t j = i + 1; j < k_; ++j) weights[j] -= error * factor_[j * k_ + i];
  }
}

void round_with_feedback(Value& weights, const Value& real, std::vector<double> covariance, int most) {
  check(weights.type == ElementType::s8);
  const FeedbackRounding feedback(std::move(covariance));
  const std::vector<float> reals = constant_as_floats(real);
  const std::vector<float>& scales = weights.quantization->scale;
  const auto integers = weights.elements<int8_t>();
  const size_t outputs = static_cast<size_t>(real.shape[0]), k = reals.size() / outputs;
  for (size_t o = 0; o < outputs; ++o) {
    const double scale = static_cast<double>(scales[scales.size() == 1 ? 0 : o]);
    std::vector<double> w(reals.begin() + static_cast<ptrdiff_t>(o * k), reals.begin() + static_cast<ptrdiff_t>((o + 1) * k));
    feedback.round(w, [&](size_t i, double weight) {
      const double rounded = std::clamp(std::round(weight / scale), -static_cast<double>(most), static_cast<double>(most));
      integers[o * k + i] = static_cast<int8_t>(rounded);
      return rounded * scale;
    });
  }
}

}  // namespace slimpilot
