// SPDX-License-Identifier: Apache-2.0
// slimpilot report: results.json as one HTML file.
#include <fmt/format.h>

#include <filesystem>

#include "cli/commands.h"
#include "host/args.h"
#include "host/atomic_file.h"
#include "report/html.h"

namespace slimpilot {

void run_report(int argc, char** argv) {
  std::string results, out;
  Arguments arguments("report", "make one HTML file from results.json and the pictures that it names");
  arguments.positional("RESULTS.json", results, "what `slimpilot optimize` wrote");
  arguments.option("--out", out, "the HTML file; without it report.html beside RESULTS.json");
  arguments.parse(argc, argv);
  const auto path = out.empty() ? std::filesystem::path(results).replace_filename("report.html") : std::filesystem::path(out);
  const std::string html = html_report(results);
  write_file_atomically(path, html);
  fmt::print("{}: {:.1f} MB\n", path.string(), static_cast<double>(html.size()) / (1 << 20));
}

}  // namespace slimpilot
