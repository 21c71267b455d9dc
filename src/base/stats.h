// SPDX-License-Identifier: Apache-2.0
// Summaries of measured numbers.
#pragma once

#include <vector>

namespace slimpilot {

/// The `fraction` quantile (0…1) with linear interpolation between order statistics; `samples` must not be empty.
double quantile(std::vector<double> samples, double fraction);

/// Arithmetic mean; 0 for no samples.
double mean(const std::vector<double>& samples);

/// Signal-to-quantization-noise ratio 10·log10(Σ signal² / Σ error²) in dB; +infinity when the error is zero.
double sqnr_db(double signal_energy, double error_energy);

}  // namespace slimpilot
