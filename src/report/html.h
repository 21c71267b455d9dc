// SPDX-License-Identifier: Apache-2.0
// The results of a run as one HTML file that needs no other: plots and pictures are inside, nothing is loaded from elsewhere.
#pragma once

#include <filesystem>
#include <string>

#include "report/results_file.h"

namespace slimpilot {

/// The page for a results.json and the pictures that it names. What the file does not hold is left out. Throws Error for a file
/// that read_report_data refuses, and when gnuplot is missing.
std::string html_report(const std::filesystem::path& results_json);

/// The same from what was read; pictures are looked for in `folder`.
std::string html_report(const ReportData& data, const std::filesystem::path& folder);

}  // namespace slimpilot
