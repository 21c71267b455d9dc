// SPDX-License-Identifier: Apache-2.0
// Adam.
#include "training/adam.h"

#include <cmath>

namespace slimpilot {

void adam_step(std::span<float> weights, std::span<const float> gradient, const AdamMoments& moments, double rate,
               int64_t step) {
  constexpr double beta1 = .9, beta2 = .999;
  constexpr float epsilon = 1e-7f, new1 = static_cast<float>(1 - beta1), new2 = static_cast<float>(1 - beta2);
  const double n = static_cast<double>(step);
  const auto scale = static_cast<float>(rate * std::sqrt(1 - std::pow(beta2, n)) / (1 - std::pow(beta1, n)));
  float *w = weights.data(), *m = moments.first.data(), *v = moments.second.data();
  const float* g = gradient.data();
  for (size_t i = 0; i < weights.size(); ++i) {
    m[i] += new1 * (g[i] - m[i]);
    v[i] += new2 * (g[i] * g[i] - v[i]);
    w[i] -= scale * m[i] / (std::sqrt(v[i]) + epsilon);
  }
}

}  // namespace slimpilot
