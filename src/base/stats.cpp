// SPDX-License-Identifier: Apache-2.0
// Summaries of measured numbers.
#include "base/stats.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"

namespace slimpilot {

double quantile(std::vector<double> samples, double fraction) {
  check(!samples.empty() && fraction >= 0 && fraction <= 1);
  std::sort(samples.begin(), samples.end());
  const double position = fraction * static_cast<double>(samples.size() - 1);
  const size_t below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, samples.size() - 1);
  return samples[below] + (samples[above] - samples[below]) * (position - static_cast<double>(below));
}

double mean(const std::vector<double>& samples) {
  if (samples.empty()) return 0;
  return std::accumulate(samples.begin(), samples.end(), 0.0) / static_cast<double>(samples.size());
}

double sqnr_db(double signal_energy, double error_energy) {
  if (error_energy == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(signal_energy / error_energy);
}

}  // namespace slimpilot
