// SPDX-License-Identifier: Apache-2.0
// Results as text that a person reads in a terminal.
#pragma once

#include <string>
#include <vector>

#include "eval/results.h"

namespace slimpilot {

/// Columns aligned: text to the left, numbers and "-" to the right. The first row is the header.
std::string aligned_table(const std::vector<std::vector<std::string>>& rows);

/// The table of `optimize` and `evaluate`: sizes in MB (2²⁰ bytes), times in ms.
std::string results_table(const RunResult& run);

/// The same per output, where there are several.
std::string outputs_table(const RunResult& run);

/// Zeros, distinct values, entropy and bytes of each constant, and how far each layer is from float32.
std::string layers_table(const std::vector<LayerResult>& layers);

/// What each layer costs in int8, and which costs most.
std::string sensitivity_table(const Sensitivity& sensitivity);

/// How each model drove each circuit, where they did.
std::string driving_results_table(const RunResult& run);

/// Laps finished with the 95 % interval of their rate ("20/20 (84-100 %)"), lap time, lateral errors, Behavior Metrics'
/// numbers.
const std::vector<std::string>& driving_columns();
std::vector<std::string> driving_row(const DrivingSummary& summary);

/// Number formats of all tables: MB with two decimals (four below 0.1), errors with five significant digits, dB with one
/// decimal.
std::string megabytes(size_t bytes);
std::string significant(double x);
std::string decibels(double x);
std::string milliseconds(double x);

}  // namespace slimpilot
